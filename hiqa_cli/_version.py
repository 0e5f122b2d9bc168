"""The one place where hiqa's version stands; scores may differ between versions, so every output names it."""

__version__ = "0.1.0"
