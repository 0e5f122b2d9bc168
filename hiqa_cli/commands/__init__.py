"""The commands: terminal, files and exit codes; what an image is worth is the engine's business."""
