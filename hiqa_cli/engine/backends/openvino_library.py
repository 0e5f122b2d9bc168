"""OpenVINO itself, brought in so that it starts fast and tells nobody.

`import openvino` reports every import, and its converter every conversion, to its makers through the package
openvino_telemetry, unless the user has opted out. hiqa sends nothing anywhere: OpenVINO is imported without its
converter, which is what reports (and takes a tenth of a second), and the converter without that package. In a process
that imported openvino before hiqa did, it is as that import left it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from hiqa_cli.errors import DependencyError

CONVERTER, TELEMETRY = "openvino.tools.ovc", "openvino_telemetry"
INSTALL = "pip install 'hiqa[openvino]', or use --backend torch"


@contextlib.contextmanager
def absent(module: str) -> Iterator[None]:
    """Within: importing `module` raises ImportError, unless it has been imported before."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


def import_openvino() -> Any:
    """The package `openvino`; DependencyError where it is not to be had."""
    try:
        with absent(CONVERTER):
            import openvino
    except ImportError as error:
        missing = error.name == "openvino"
        problem = "openvino is not installed" if missing else f"openvino cannot be loaded: {error}"
        raise DependencyError(problem, INSTALL) from error
    return openvino


def import_converter() -> Any:
    """OpenVINO's convert_model(); DependencyError where it is not to be had."""
    import_openvino()
    try:
        with absent(TELEMETRY):
            from openvino.tools.ovc import convert_model
    except ImportError as error:
        raise DependencyError(f"openvino's converter cannot be loaded: {error}", INSTALL) from error
    return convert_model
