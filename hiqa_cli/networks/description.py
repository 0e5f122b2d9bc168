"""Constants of the description of statistics, for torch (statistics.py) and for numpy (engine). Imports no torch."""

from __future__ import annotations

LEAST_VARIANCE = 1e-12
SPREAD_FLOOR = 0.02  # added to a spread before its logarithm, in units of the features
PAIR_FLOOR = 1e-3  # added to differences in units of the spreads, before their logarithm
MAP_SCALES = 3  # the discrepancy map at full, half and quarter resolution
MAP_NUMBERS = 3 * 3 * MAP_SCALES  # mean, mean absolute value and mean square of each colour, at each scale
MAP_UNITS = 4 * 255.0  # factor of the map before log(1 + x), which bends at x = 1: a quarter of an 8-bit level
