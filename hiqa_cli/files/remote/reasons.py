"""Why an address could not be read, in few words, and whether it is worth another attempt."""

from __future__ import annotations

from http import HTTPStatus

from hiqa_cli.errors import HiqaError

from .address import scrubbed, shown

RETRIED_STATUSES = {408, 425, 429, 500, 502, 503, 504}
LONGEST_REASON = 200  # characters of a library's own message


class RemoteError(OSError):
    """A reading that failed: `reason` in few words, without secrets, and `is_transient`, whether to try again."""

    def __init__(self, reason: str, is_transient: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_transient = is_transient


def remote_error(error: Exception, address: str) -> RemoteError | HiqaError:
    """What a library raised, as a RemoteError; hiqa's own errors as they are."""
    if isinstance(error, RemoteError | HiqaError):
        return error
    place = f"from {shown(address)}"
    is_garbled = type(error.__cause__).__module__.startswith("aiohttp.http_exceptions")
    if is_garbled and hasattr(error, "status"):  # which aiohttp makes up
        return RemoteError(f"an answer that is no HTTP {place}", True)
    status = _status(error)
    if status is not None:
        phrase = {403: "no permission", 401: "no permission: not signed in", 404: "no such file"}.get(status)
        phrase = phrase or (HTTPStatus(status).phrase.lower() if status in set(HTTPStatus) else "an error")
        return RemoteError(f"{status} ({phrase}) {place}", status in RETRIED_STATUSES)
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return RemoteError(f"no answer in time {place}", True)
    name = type(error).__name__
    if name == "NoCredentialsError":
        return RemoteError(f"no credentials found {place}", False)
    if isinstance(error, EOFError) or name in ("ClientPayloadError", "IncompleteRead", "ServerDisconnectedError"):
        return RemoteError(f"the answer ended early {place}", True)
    reason = scrubbed(str(error))[:LONGEST_REASON] or name
    is_transient = isinstance(error, ConnectionError) or name.startswith(("Client", "EndpointConnection", "Connection"))
    return RemoteError(f"{reason} {place}", is_transient)


def _status(error: Exception) -> int | None:
    """The HTTP status that an error stands for."""
    status = getattr(error, "status", None)
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    if isinstance(response, dict):  # botocore's
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", status)
    if isinstance(status, int) and status >= 400:
        return status
    if isinstance(error, FileNotFoundError):
        return 404
    if isinstance(error, PermissionError):
        return 403
    return None
