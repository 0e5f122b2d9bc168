"""What the networks can run in. Imports neither."""

TORCH, OPENVINO = "torch", "openvino"
ENGINES = (TORCH, OPENVINO)
DEFAULT_ENGINE = TORCH
