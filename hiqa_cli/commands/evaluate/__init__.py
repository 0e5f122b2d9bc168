"""`hiqa evaluate`: agreement with people, ladders, gains, uncertainty and the field's protocols."""

from .command import evaluate

__all__ = ["evaluate"]
