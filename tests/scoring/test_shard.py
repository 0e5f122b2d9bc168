"""Shards: stable shares of the images, for processes that do not know of each other."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from support.process import RunHiqa, write_picture

from hiqa_cli.scoring.shard import Shard

PATHS = [f"photos/{n:04}.jpg" for n in range(2000)]


def test_every_path_is_in_exactly_one_shard_and_shards_are_about_equal() -> None:
    shards = [Shard(number, 7) for number in range(1, 8)]
    held = [[shard.holds(path) for path in PATHS] for shard in shards]
    assert all(sum(of_path) == 1 for of_path in zip(*held, strict=True))
    assert all(200 < sum(of_shard) < 380 for of_shard in held)


def test_a_share_depends_on_the_path_alone() -> None:
    assert [n for n in range(1, 9) if Shard(n, 8).holds("a/b.jpg")] == [1]
    assert [n for n in range(1, 9) if Shard(n, 8).holds("\udcff.jpg")]  # a name that is not UTF-8


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(8):
        write_picture(tmp_path / "photos" / f"sub{number % 2}" / f"{number}.png", number)
    return tmp_path


@pytest.mark.slow
def test_shards_and_their_merge_are_the_run_of_all(run_hiqa: RunHiqa, tiny_weights: Path, photos: Path) -> None:
    call = ("score", "photos", "-r")
    assert run_hiqa(*call, "--csv", "all.csv", "--maps", "maps", cwd=photos, weights=tiny_weights).code == 0
    for number in (1, 2, 3):
        share = (f"--csv=part{number}.csv", "--maps", "shares", "--shard", f"{number}/3")
        assert run_hiqa(*call, *share, cwd=photos, weights=tiny_weights).code == 0
    done = run_hiqa("merge", *(f"part{number}.csv" for number in (1, 2, 3)), "-o", "merged.csv", cwd=photos)
    assert done.code == 0
    assert done.messages == ["hiqa: 8 images from 3 tables, 0 of them without a score; 0 repeats left out"]
    whole, merged = (list(csv.DictReader((photos / name).open())) for name in ("all.csv", "merged.csv"))
    assert merged == sorted(whole, key=lambda row: row["path"])
    names = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in
             (photos / "maps", photos / "shares")]  # fmt: skip
    assert names[0] == names[1]  # maps lie where they do without shards


def test_a_shard_without_images_is_no_error(run_hiqa: RunHiqa, photos: Path) -> None:
    path = "photos/sub0/0.png"
    empty = next(number for number in range(1, 9) if not Shard(number, 8).holds(path))
    done = run_hiqa("score", path, "--csv", "part.csv", "--shard", f"{empty}/8", cwd=photos)
    assert (done.code, done.messages) == (0, [f"hiqa: shard {empty}/8 has none of 1 image"])
    assert (photos / "part.csv").read_text().startswith("path,score,")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0/4", "--shard: expected a number from 1 to 4 before the slash, found '0/4'"),
        ("5/4", "--shard: expected a number from 1 to 4 before the slash, found '5/4'"),
        ("2", "--shard: expected I/N, from 1/N to N/N, found '2'"),
        ("a/4", "--shard: expected I/N, from 1/N to N/N, found 'a/4'"),
        ("1/0", "--shard: expected a number from 1 to 0 before the slash, found '1/0'"),
    ],
)
def test_a_wrong_shard_is_refused_in_one_line(run_hiqa: RunHiqa, value: str, message: str) -> None:
    done = run_hiqa("score", "a.png", "--shard", value)
    assert (done.code, done.messages) == (2, [f"hiqa: {message}"])


def test_standard_input_has_no_path_to_divide_by(run_hiqa: RunHiqa) -> None:
    done = run_hiqa("score", "-", "--shard", "1/2")
    assert done.code == 2
    assert "standard input (-) has none" in done.messages[0]
