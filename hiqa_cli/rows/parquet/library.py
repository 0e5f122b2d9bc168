"""pyarrow, which only tables in Parquet need: the extra hiqa[parquet]."""

from __future__ import annotations

from typing import Any

from hiqa_cli.errors import DependencyError


def arrow() -> Any:
    """pyarrow with its modules parquet and compute. Raises DependencyError, which names the extra, without it."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be loaded: {error}"
        raise DependencyError(f"Parquet needs pyarrow, which {reason}", "pip install 'hiqa[parquet]'") from None
    return pyarrow
