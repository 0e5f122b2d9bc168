"""Import OpenVINO fast and without telemetry.

`import openvino` reports every import, and its converter every conversion, to its makers through the package
openvino_telemetry, unless the user has opted out. hiqa sends nothing anywhere: it imports OpenVINO without its
converter, which does the reporting (and takes a tenth of a second), and the converter without that package. A process
that imported openvino before hiqa did keeps it as it was imported.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from hiqa_cli.errors import DependencyError

CONVERTER, TELEMETRY = "openvino.tools.ovc", "openvino_telemetry"
INSTALL = "pip install openvino, or use --backend torch"


@contextlib.contextmanager
def absent(module: str) -> Iterator[None]:
    """Make importing `module` raise ImportError inside the block, unless it is already imported."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def import_openvino() -> Any:
    """The package `openvino`; DependencyError where it is not installed or cannot be loaded."""
    try:
        with absent(CONVERTER):
            import openvino
    except ImportError as error:
        missing = error.name == "openvino"
        problem = "openvino is not installed" if missing else f"openvino cannot be loaded: {error}"
        raise DependencyError(problem, INSTALL) from error
    return openvino


def import_converter() -> Any:
    """OpenVINO's convert_model(); DependencyError where it cannot be loaded."""
    import_openvino()
    try:
        with absent(TELEMETRY):
            from openvino.tools.ovc import convert_model
    except ImportError as error:
        raise DependencyError(f"openvino's converter cannot be loaded: {error}", INSTALL) from error
    return convert_model
