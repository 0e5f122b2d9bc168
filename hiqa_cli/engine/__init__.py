"""The engine: images to results (reading, tiling, batching, devices, numerics).

Knows nothing of terminals, exit codes or training.
"""
