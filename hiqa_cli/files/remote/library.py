"""fsspec, which only addresses need: the extra hiqa[remote]. Limits on waiting are set here; credentials are the
libraries' own."""

from __future__ import annotations

from typing import Any

from hiqa_cli.errors import DependencyError, UsageError

from .address import is_url

CONNECT_SECONDS = 10.0  # s until a server takes a connection
SILENT_SECONDS = 30.0  # s that a server may be silent while it answers
LIBRARIES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "adl": "adlfs"}


def filesystem(address: str) -> tuple[Any, str]:
    """(file system of fsspec, the address's path in it); of a plain path the local one.

    Raises DependencyError where a library is missing, and UsageError for a scheme that fsspec does not know.
    """
    scheme = address.partition("://")[0].lower() if is_url(address) else "file"
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise DependencyError(
            f"{scheme}:// needs fsspec, which is not installed", "pip install 'hiqa[remote]'"
        ) from None
    try:
        system, path = url_to_fs(address, **_options(scheme))
    except ImportError:
        library = LIBRARIES.get(scheme, "a library of its own")
        hint = f"pip install {library}" if scheme in LIBRARIES else "see fsspec's documentation"
        raise DependencyError(f"{scheme}:// needs {library}, which is not installed", hint) from None
    except ValueError as error:
        if "Protocol not known" in str(error):
            raise UsageError(
                f"{scheme}:// is no kind of address that fsspec knows", "such as s3, gs, az, https"
            ) from None
        raise
    return system, path


def _options(scheme: str) -> dict[str, Any]:
    """What the library of a scheme is told about waiting."""
    if scheme in ("http", "https"):
        import aiohttp

        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
        return {"client_kwargs": {"timeout": limits}}
    if scheme in ("s3", "s3a"):
        return {"config_kwargs": {"connect_timeout": CONNECT_SECONDS, "read_timeout": SILENT_SECONDS}}
    return {}
