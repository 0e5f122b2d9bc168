"""VGG19's weights: both conventions, and the download, from a local server (never from the real address)."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from hiqa_cli.errors import OutputError, UsageError
from hiqa_train.losses.vgg import TORCHVISION_DEVIATION, TORCHVISION_MEAN, TORCHVISION_NUMBERS, Vgg19Features
from hiqa_train.losses.vgg_weights import DownloadError, cached, download

CONTENT = bytes(range(256)) * 4096  # 1 MiB
DIGITS = hashlib.sha256(CONTENT).hexdigest()[:8]


@dataclass
class Host:
    """What the server does, and what it was asked for. cut: bytes after which it breaks off, a number a request."""

    content: bytes = CONTENT
    cut: list[int] = field(default_factory=list)
    ranges: bool = True
    missing: bool = False
    asked: list[str | None] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def host() -> Iterator[Host]:
    held = Host()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            held.asked.append(wanted)
            if held.missing:
                self.send_error(404)
                return
            first = int(wanted.split("=")[1].split("-")[0]) if wanted and held.ranges else 0
            if first and first >= len(held.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(held.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = held.content[first:]
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(held.content) - 1}/{len(held.content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: held.cut.pop(0)] if held.cut else body)
            self.close_connection = True

        def log_message(self, *words: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.address = f"http://127.0.0.1:{server.server_port}/models/vgg19-{DIGITS}.pth"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield held
    server.shutdown()
    server.server_close()


def quiet(line: str) -> None:
    """Ignore messages."""


def test_a_download_is_verified_and_not_repeated(host, tmp_path):
    said: list[str] = []
    path = download(said.append, folder=tmp_path, address=host.address)
    assert path == tmp_path / f"vgg19-{DIGITS}.pth"
    assert path.read_bytes() == CONTENT
    assert said == [f"downloading {host.address} to {path}"]
    assert download(said.append, folder=tmp_path, address=host.address) == path
    assert (host.asked, len(said)) == ([None], 1)


def test_a_lost_connection_continues_after_the_received_bytes(host, tmp_path):
    host.cut = [300_000, 200_000]
    path = download(quiet, folder=tmp_path, address=host.address)
    assert path.read_bytes() == CONTENT
    assert host.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_a_later_call_continues_an_interrupted_download(host, tmp_path):
    host.cut = [300_000, 0, 0, 0]
    message = "connection lost after 300,000 bytes; run the command again to continue, or give --vgg FILE"
    with pytest.raises(DownloadError, match=message):
        download(quiet, folder=tmp_path, address=host.address)
    assert not (tmp_path / f"vgg19-{DIGITS}.pth").exists()
    assert download(quiet, folder=tmp_path, address=host.address).read_bytes() == CONTENT
    assert host.asked[-1] == "bytes=300000-"


def test_a_server_without_ranges_sends_the_whole_file_again(host, tmp_path):
    host.cut, host.ranges = [300_000], False
    assert download(quiet, folder=tmp_path, address=host.address).read_bytes() == CONTENT


def test_a_partial_file_that_is_complete_or_too_long_is_recognised(host, tmp_path):
    part = tmp_path / f"vgg19-{DIGITS}.pth.part"
    part.write_bytes(CONTENT)
    assert download(quiet, folder=tmp_path, address=host.address).read_bytes() == CONTENT
    (tmp_path / f"vgg19-{DIGITS}.pth").unlink()
    part.write_bytes(CONTENT + b"more")
    assert download(quiet, folder=tmp_path, address=host.address).read_bytes() == CONTENT


def test_a_file_with_the_wrong_checksum_is_removed(host, tmp_path):
    host.content = CONTENT[:-1] + b"x"
    with pytest.raises(DownloadError, match=rf"expected a sha256 of {DIGITS}\.\.\., found .*; the file was removed"):
        download(quiet, folder=tmp_path, address=host.address)
    assert list(tmp_path.iterdir()) == []


def test_http_errors_refused_connections_and_an_unwritable_cache_are_reported_in_one_line(host, tmp_path):
    host.missing = True
    with pytest.raises(DownloadError, match="HTTP status 404 after 0 bytes"):
        download(quiet, folder=tmp_path, address=host.address)
    nobody = f"http://127.0.0.1:9/vgg19-{DIGITS}.pth"
    with pytest.raises(DownloadError, match=r"refused.* after 0 bytes"):
        download(quiet, folder=tmp_path, address=nobody)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        download(quiet, folder=tmp_path / "file", address=host.address)


def test_the_official_address_has_checksum_digits_and_the_cache_is_used(tmp_path):
    assert cached(tmp_path) is None
    (tmp_path / "vgg19-dcbb9e9d.pth").write_bytes(b"")
    assert cached(tmp_path) == tmp_path / "vgg19-dcbb9e9d.pth"
    assert (tmp_path / "vgg19-dcbb9e9d.pth").read_bytes() == b""


def convolutions(names: list[str]) -> dict[str, torch.Tensor]:
    """Two convolutions of few channels under these names."""
    torch.manual_seed(0)
    tensors, before = {}, 3
    for name in names:
        tensors[f"{name}.weight"] = torch.randn(4, before, 3, 3) * 0.3
        tensors[f"{name}.bias"] = torch.randn(4) * 0.1
        before = 4
    return tensors


def test_torchvisions_network_takes_rgb_normalised_by_imagenets_mean_and_deviation(tmp_path):
    tensors = convolutions(["features.0", "features.2"])
    torch.save(tensors, tmp_path / "vgg19.pth")
    image = torch.rand(1, 3, 8, 8)
    (found,) = Vgg19Features(tmp_path / "vgg19.pth", ("conv1_2",))(image)
    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (TORCHVISION_MEAN, TORCHVISION_DEVIATION))
    x = (image - mean) / deviation
    for name in ("features.0", "features.2"):
        x = functional.relu(functional.conv2d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=1))
    assert torch.allclose(found, x, atol=1e-5)


def test_oxfords_network_takes_bgr_in_0_to_255_minus_its_mean(tmp_path):
    tensors = convolutions(["conv1_1"])
    save_file(tensors, tmp_path / "vgg.safetensors")
    image = torch.rand(1, 3, 8, 8)
    (found,) = Vgg19Features(tmp_path / "vgg.safetensors", ("conv1_1",))(image)
    seen = image.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    expected = functional.relu(functional.conv2d(seen, tensors["conv1_1.weight"], tensors["conv1_1.bias"], padding=1))
    assert torch.allclose(found, expected, atol=1e-3)


def test_torchvisions_numbers_are_those_of_vgg19s_convolutions():
    # a ReLU follows each convolution, a pooling each block
    numbers, place = [], 0
    for count in (2, 2, 4, 4, 4):
        for _ in range(count):
            numbers.append(place)
            place += 2
        place += 1
    assert tuple(numbers) == TORCHVISION_NUMBERS


def test_files_without_vgg19_are_refused_in_one_line(tmp_path):
    torch.save(convolutions(["features.0"]), tmp_path / "short.pth")
    with pytest.raises(UsageError, match=r"has no features\.2\.weight and \.bias; expected VGG19's convolutions"):
        Vgg19Features(tmp_path / "short.pth", ("conv1_2",))
    (tmp_path / "none.pth").write_bytes(b"no zip")
    with pytest.raises(UsageError, match="cannot read VGG19's weights from"):
        Vgg19Features(tmp_path / "none.pth", ("conv1_2",))
    (tmp_path / "none.safetensors").write_bytes(b"no")
    with pytest.raises(UsageError, match="cannot read VGG19's weights from"):
        Vgg19Features(tmp_path / "none.safetensors", ("conv1_2",))
    with pytest.raises(UsageError, match="cannot read"):
        Vgg19Features(Path("/nowhere/vgg.pth"), ("conv1_2",))
    with pytest.raises(UsageError, match=r"vgg_layers: expected some of conv1_1, .*, found conv9_1"):
        Vgg19Features(tmp_path / "short.pth", ("conv9_1",))
