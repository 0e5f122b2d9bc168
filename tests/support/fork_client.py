"""Runs hiqa in a fork of a server, with the streams, environment and folder of this process (see fork_server.py).

python -S fork_client.py SOCKET ARGUMENTS...
"""

from __future__ import annotations

import json
import os
import socket
import sys


def start(
    address: str,
    arguments: list[str],
    cwd: str,
    environment: dict[str, str],
    descriptors: list[int],
    before: str = "",
) -> tuple[socket.socket, int]:
    """Ask the server for a process with these standard streams, which runs the code `before` first. Gives the
    connection, and the process's number."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(address)
    request = {"arguments": arguments, "cwd": cwd, "environment": environment, "before": before}
    socket.send_fds(connection, [json.dumps(request).encode()], descriptors)
    return connection, int(connection.recv(100))


def exit_code(connection: socket.socket) -> int:
    """Wait for the end of the process: its exit code, negative for a signal."""
    return int(connection.recv(100))


if __name__ == "__main__":
    code = exit_code(start(sys.argv[1], sys.argv[2:], os.getcwd(), dict(os.environ), [0, 1, 2])[0])
    sys.exit(code if code >= 0 else 128 - code)
