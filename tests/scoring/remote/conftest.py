"""Servers on loopback: an HTTP server that misbehaves by name, and moto's S3 server."""

from __future__ import annotations

import contextlib
import io
import tarfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.process import picture_bytes


class Misbehaving(BaseHTTPRequestHandler):
    """Serves `files` of its server; the first folder of a path says how, such as /truncated/a.png."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        assert isinstance(self.server, HttpServer)
        _, way, name = self.path.split("?")[0].split("/", 2)
        self.server.asked[f"{way}/{name}"] += with_body
        data = self.server.files.get(name)
        if way == "index":
            links = "".join(f'<a href="/plain/{one}">{one}</a>' for one in self.server.files)
            return self._send(200, links.encode(), with_body, kind="text/html")
        if data is None:
            return self._send(404, b"none", with_body)
        if way.isdecimal() or (way == "busy" and self.server.asked[f"{way}/{name}"] <= 2):
            return self._send(int(way) if way.isdecimal() else 503, b"no", with_body)
        length = {"truncated": len(data) + 1000, "short": len(data) // 2, "huge": 2**40}.get(way, len(data))
        wanted = self.headers.get("Range") if way == "ranges" else None
        if wanted:
            start, end = (int(one) for one in wanted.removeprefix("bytes=").split("-"))
            return self._send(206, data[start : end + 1], with_body, extra=f"bytes {start}-{end}/{len(data)}")
        self._send(200, data, with_body, length=length, slow=way == "silent", drip=way == "drip")

    def _send(
        self, code: int, data: bytes, with_body: bool, *, length: int = -1, kind: str = "image/png", extra: str = "",
        slow: bool = False, drip: bool = False,
    ) -> None:  # fmt: skip
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length < 0 else length))
        if extra:
            self.send_header("Content-Range", extra)
        if self.path.startswith("/ranges"):
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if not with_body:
            return
        with contextlib.suppress(OSError):
            if drip:
                for one in data:
                    self.wfile.write(bytes([one]))
                    self.wfile.flush()
                    time.sleep(0.05)
            else:
                half = len(data) // 2
                self.wfile.write(data[:half])
                if slow:
                    time.sleep(1.5)
                self.wfile.write(data[half:])
        if length > len(data):
            self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


class HttpServer(ThreadingHTTPServer):
    """files: name -> bytes. asked: how often each path was read."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Misbehaving)
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(scope="module")
def web() -> Iterator[HttpServer]:
    """The HTTP server, with two pictures and a file that is none."""
    server = HttpServer()
    server.files = {"a.png": picture_bytes(3), "b.png": picture_bytes(4), "none.png": b"no picture"}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def s3() -> Iterator[str]:
    """The address of an empty S3 server."""
    pytest.importorskip("s3fs")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def write_archive() -> Callable[[Path, dict[str, bytes]], None]:
    """write_archive(path, files): a tar or zip archive, by the suffix."""

    def write(path: Path, files: dict[str, bytes]) -> None:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
                for name, data in files.items():
                    file.writestr(name, data)
            return
        with tarfile.open(path, "w") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

    return write
