"""The words of reasons, each defined by what produces it (docs/scoring.md). Imports no numpy."""

from __future__ import annotations

BLUR, NOISE, COMPRESSION, LOW_RESOLUTION = "blur", "noise", "compression", "low-resolution"
UNDEREXPOSED, OVEREXPOSED, LOW_CONTRAST = "underexposed", "overexposed", "low-contrast"
COLOUR, ARTEFACTS = "colour", "artefacts"
WORDS = (
    BLUR,
    NOISE,
    COMPRESSION,
    LOW_RESOLUTION,
    UNDEREXPOSED,
    OVEREXPOSED,
    LOW_CONTRAST,
    COLOUR,
    ARTEFACTS,
)
