"""Variables of `.mat` files: vectors of numbers, and cells of file names, nested to any depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hiqa_cli.errors import DatasetError, os_reason


def read_mat(path: Path) -> dict[str, Any]:
    """Variable -> array of a MATLAB file up to version 7. Raises DatasetError for any other or a damaged file."""
    import scipy.io

    try:
        return dict(scipy.io.loadmat(str(path)))
    except NotImplementedError as error:
        raise DatasetError(f"{path} is a MATLAB 7.3 file (HDF5), expected an older one", "save it with -v7") from error
    except Exception as error:  # scipy has no common error for damaged files; some are OSErrors without a reason
        if isinstance(error, OSError) and error.strerror:
            raise DatasetError(f"{path} cannot be read: {os_reason(error)}") from error
        raise DatasetError(f"{path} is not a MATLAB file or is damaged: {' '.join(str(error).split())}") from error


def _variable(variables: dict[str, Any], name: str, path: Path) -> Any:
    if name not in variables:
        found = ", ".join(key for key in variables if not key.startswith("__"))
        raise DatasetError(f"{path} has no variable {name}, found {found or 'nothing'}")
    return variables[name]


def vector(variables: dict[str, Any], name: str, path: Path, length: int) -> list[float]:
    """A variable that is a row or column of `length` numbers."""
    import numpy as np

    array = np.asarray(_variable(variables, name, path))
    if array.dtype.kind not in "biuf" or array.ndim > 2 or (array.ndim == 2 and 1 not in array.shape):
        raise DatasetError(f"{path}: {name} is not a list of numbers")
    _check_length(path, name, array.size, length)
    return [float(value) for value in array.ravel()]


def names(variables: dict[str, Any], name: str, path: Path, length: int) -> list[str]:
    """A variable that is a cell of `length` texts."""
    import numpy as np

    cells = np.asarray(_variable(variables, name, path)).ravel()
    _check_length(path, name, cells.size, length)
    return [_text(cell, name, path) for cell in cells]


def _text(cell: Any, name: str, path: Path) -> str:
    import numpy as np

    while isinstance(cell, np.ndarray) and cell.size == 1:
        cell = cell.ravel()[0]
    if not isinstance(cell, str):
        raise DatasetError(f"{path}: {name} is not a list of names")
    return cell.strip()


def _check_length(path: Path, name: str, found: int, expected: int) -> None:
    if found != expected:
        raise DatasetError(
            f"{path}: {name} has {found:,} entries, expected {expected:,}",
            "this copy is altered, its scores cannot be assigned to images: get the published file",
        )
