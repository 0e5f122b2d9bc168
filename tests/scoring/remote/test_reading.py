"""Scoring of pictures at addresses: an HTTP server that misbehaves, an S3 server, archives. All on loopback."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from support.process import RunHiqa, picture_bytes

from hiqa_cli.engine.job import Job
from hiqa_cli.engine.pipeline import remote_source
from hiqa_cli.engine.pipeline.remote_source import read_address
from hiqa_cli.engine.pipeline.sources import DIRECT, TRUSTING, read_content
from hiqa_cli.errors import ImageError
from hiqa_cli.files.remote import library, opening
from hiqa_cli.images.source import Limits

pytest.importorskip("fsspec")
KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "TopSecret", "AWS_DEFAULT_REGION": "us-east-1"}
PICTURE = picture_bytes(3)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_source, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(library, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(opening, "SECONDS_A_FILE", 0.5)


@pytest.mark.parametrize("way", ["plain", "ranges", "busy"])
def test_a_file_is_read_and_a_busy_server_is_asked_again(web: Any, way: str) -> None:
    assert read_address(f"{web.url}/{way}/a.png", Limits()) == PICTURE
    assert web.asked[f"{way}/a.png"] == (3 if way == "busy" else 1)


@pytest.mark.parametrize(
    ("path", "reason", "asked"),
    [
        ("403/a.png", "403 (no permission) from URL", 1),
        ("500/a.png", "500 (internal server error) from URL, 3 attempts", 3),
        ("429/a.png", "429 (too many requests) from URL, 3 attempts", 3),
        ("plain/missing.png", "404 (no such file) from URL", 1),
        ("truncated/a.png", "the answer ended early from URL, 3 attempts", 3),
        ("silent/a.png", "no answer in time from URL, 3 attempts", 3),
        ("drip/a.png", "not complete after 0 s from URL, 3 attempts", 3),
        ("huge/a.png", "the answer ended early from URL, 3 attempts", 3),
    ],
)
def test_what_fails_is_one_reason(web: Any, path: str, reason: str, asked: int) -> None:
    web.asked.clear()
    url = f"{web.url}/{path}"
    with pytest.raises(ImageError) as caught:
        read_address(f"{url}?X-Amz-Signature=abc".replace("//", "//me:hush@"), Limits())
    assert str(caught.value) == reason.replace("URL", url)
    assert web.asked[path] == asked


def test_a_length_that_is_too_short_is_a_truncated_picture_and_limits_hold(web: Any) -> None:
    url = f"{web.url}/short/a.png"
    try:
        found = bytes(read_address(url, Limits()))
    except ImageError as error:
        found = str(error).encode()
    # the second where the rest came soon enough to be taken for another answer
    assert found in (PICTURE[: len(PICTURE) // 2], f"an answer that is no HTTP from {url}, 3 attempts".encode())
    with pytest.raises(ImageError, match="larger than the limit of 1,000 bytes"):
        read_address(f"{web.url}/plain/a.png", Limits(max_bytes=1000))
    with pytest.raises(ImageError, match="not an image"):
        read_address(f"{web.url}/plain/none.png", Limits())


def test_nobody_at_the_address(web: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ImageError, match=rf"from http://127.0.0.1:{port}/a.png, 3 attempts$"):
        read_address(f"http://127.0.0.1:{port}/a.png", Limits())


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("way", ["ranges", "plain", "file"])
def test_members_of_archives(web: Any, tmp_path: Path, kind: str, way: str, write_archive: Any) -> None:
    files = {"x/1.png": picture_bytes(5), "2.png": picture_bytes(6), "x/3.png": picture_bytes(7)}
    archive = tmp_path / f"{way}.{kind}"
    write_archive(archive, files)
    web.files[archive.name] = archive.read_bytes()
    address = str(archive) if way == "file" else f"{web.url}/{way}/{archive.name}"
    if (kind, way) == ("zip", "plain"):
        with pytest.raises(ImageError):  # a zip archive begins at its end
            read_address(f"{address}::2.png", Limits())
        return
    for name in (*files, "x/1.png"):  # forward, then back
        assert read_address(f"{address}::{name}", Limits()) == files[name]
    with pytest.raises(ImageError, match="no such member in"):
        read_address(f"{address}::none.png", Limits())


def test_what_comes_from_elsewhere_is_decoded_in_a_child_unless_that_is_declined(
    web: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolated: list[bytes] = []

    class Child:
        def decode_picture(self, data: bytes, *arguments: Any) -> Any:
            isolated.append(bytes(data))
            return DIRECT.decode_picture(data, *arguments)

    monkeypatch.setattr(remote_source, "isolated_reader", Child)
    (tmp_path / "a.png").write_bytes(PICTURE)
    for source, reader in (
        (f"{web.url}/plain/a.png", DIRECT),
        (f"{web.url}/plain/a.png", TRUSTING),
        (str(tmp_path / "a.png"), DIRECT),
    ):
        assert read_content(source, Job(source), reader).width == 80
    assert isolated == [PICTURE]


def rows(table: Path) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in map(json.loads, table.read_text().splitlines())}


def test_scores_from_the_web_are_those_of_the_files_and_secrets_stay_out(
    web: Any, tmp_path: Path, tiny_weights: Path, run_hiqa: RunHiqa
) -> None:
    (tmp_path / "a.png").write_bytes(PICTURE)
    signed = f"{web.url}/plain/a.png?X-Amz-Signature=hush"
    command = ["score", "a.png", signed, f"{web.url}/403/a.png?token=hush", "--jsonl", "rows.jsonl", "--maps", "maps"]
    done = run_hiqa(*command, weights=tiny_weights, cwd=tmp_path)
    found = rows(tmp_path / "rows.jsonl")
    assert done.code == 1
    url = f"{web.url}/plain/a.png"
    assert found[url]["score"] == found["a.png"]["score"]
    assert found[f"{web.url}/403/a.png"]["error"] == f"403 (no permission) from {web.url}/403/a.png"
    assert "hush" not in (done.out + done.err).decode() + (tmp_path / "rows.jsonl").read_text()
    assert not [path for path in tmp_path.rglob("*") if "hush" in str(path)]
    again = run_hiqa(*command[:3], *command[4:], "--resume", weights=tiny_weights, cwd=tmp_path)
    assert again.lines == []
    assert again.messages == ["hiqa: 2 images scored, 2 of them by an earlier run, 1 failed"]


@pytest.mark.slow
def test_s3_folders_patterns_shards_and_refusals(
    tmp_path: Path, tiny_weights: Path, run_hiqa: RunHiqa, monkeypatch: pytest.MonkeyPatch, s3: str, write_archive: Any
) -> None:
    boto3 = pytest.importorskip("boto3")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3)
    client.create_bucket(Bucket="photos")
    for number in range(3):
        client.put_object(Bucket="photos", Key=f"in/{number}.png", Body=picture_bytes(number))
    write_archive(tmp_path / "s.tar", {"m/1.png": picture_bytes(1)})
    client.upload_file(str(tmp_path / "s.tar"), "photos", "s.tar")
    variables = {**KEYS, "AWS_ENDPOINT_URL": s3}
    table = ["--sqlite", "rows.sqlite", "--jsonl", "rows.jsonl"]

    def score(*arguments: str) -> Any:
        return run_hiqa("score", *arguments, weights=tiny_weights, cwd=tmp_path, env=variables)

    done = score("s3://photos/in", "s3://photos/s.tar", "s3://photos/none.png", "s3://none/a.png", *table)
    found = rows(tmp_path / "rows.jsonl")
    assert done.code == 1
    assert list(found)[:3] == [f"s3://photos/in/{number}.png" for number in range(3)]
    assert found["s3://photos/s.tar::m/1.png"]["score"] == found["s3://photos/in/1.png"]["score"]
    assert found["s3://photos/none.png"]["error"] == "404 (no such file) from s3://photos/none.png"
    assert "TopSecret" not in (done.out + done.err).decode()
    client.put_object(Bucket="photos", Key="in/1.png", Body=picture_bytes(9, width=81))
    client.put_object(Bucket="photos", Key="in/9.png", Body=picture_bytes(9))
    new = score("s3://photos/in/*.png", "--sqlite", "rows.sqlite")
    assert [line.split("\t")[1] for line in new.lines] == [f"s3://photos/in/{number}.png" for number in (1, 9)]
