"""What the networks can run in. Imports neither."""

TORCH, OPENVINO = "torch", "openvino"
BACKENDS = (TORCH, OPENVINO)
DEFAULT_BACKEND = TORCH
