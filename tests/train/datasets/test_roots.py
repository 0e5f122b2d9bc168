"""The root of a database: --root, environment, configuration file, and how `set` edits that file."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path

import pytest
from support.database_trees import write_tid

from hiqa_cli.errors import OutputError, UsageError
from hiqa_train.datasets import DATABASES, configured_root, find_root
from hiqa_train.datasets.roots import configuration_file, save_root, saved_roots, set_value

LIVE = DATABASES["live"]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file of a user who has none yet."""
    folder = tmp_path / "settings" / "hiqa"
    monkeypatch.setattr("hiqa_train.datasets.roots.user_config_dir", lambda *_, **__: str(folder))
    for database in DATABASES.values():
        monkeypatch.delenv(database.variable, raising=False)
    return folder / "config.toml"


def test_root_takes_precedence_over_the_environment_and_that_over_the_configuration_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Path
):
    a, b, c = (tmp_path / name for name in "abc")
    for folder in (a, b, c):
        folder.mkdir()
    save_root(DATABASES["live"], c)
    assert (find_root(LIVE).path, find_root(LIVE).origin) == (c, str(settings))
    monkeypatch.setenv("HIQA_LIVE_ROOT", str(b))
    assert (find_root(LIVE).path, find_root(LIVE).origin) == (b, "HIQA_LIVE_ROOT")
    assert (find_root(LIVE, a).path, find_root(LIVE, a).origin) == (a, "--root")


def test_without_a_root_one_line_says_how_to_set_it_where_to_get_it_and_what_is_expected():
    with pytest.raises(UsageError) as caught:
        find_root(LIVE)
    text = str(caught.value)
    for part in ("--root DIR", "HIQA_LIVE_ROOT", "hiqa datasets set live DIR", LIVE.layout, LIVE.source):
        assert part in text
    assert "\n" not in text
    assert configured_root(LIVE) is None


def test_a_missing_root_is_reported_with_its_origin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HIQA_LIVE_ROOT", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match=r"no such folder: .*gone \(from HIQA_LIVE_ROOT\)"):
        find_root(LIVE)


def test_an_empty_variable_is_ignored(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HIQA_LIVE_ROOT", "")
    assert configured_root(LIVE) is None


def test_set_keeps_every_other_entry_and_comment(settings: Path, tmp_path: Path):
    settings.parent.mkdir(parents=True)
    settings.write_text('# mine\n[datasets]\ncsiq = "/csiq" # the old disk\nlive = "/old"\n\n[other]\nlive = 1\n')
    save_root(DATABASES["live"], tmp_path)
    assert settings.read_text() == (
        f'# mine\n[datasets]\ncsiq = "/csiq" # the old disk\nlive = "{tmp_path}"\n\n[other]\nlive = 1\n'
    )
    save_root(DATABASES["spaq"], tmp_path)
    assert saved_roots() == {"csiq": Path("/csiq"), "live": tmp_path, "spaq": tmp_path}


@pytest.mark.parametrize("name", ['with "quotes"', "back\\slash", "tab\there", "ümläut 日本", "a#b = [c]", "del\x7f"])
def test_any_folder_name_round_trips(tmp_path: Path, name: str):
    save_root(DATABASES["live"], tmp_path / name)
    assert saved_roots() == {"live": tmp_path / name}


@pytest.mark.parametrize(
    "text",
    ["", "x = 1", "x = 1\n", "[datasets]", "[datasets]\r\ncsiq = '/c'\r\n", "[ datasets ]\n'live' = '/o'\n[a]\n"],
)
def test_a_value_is_set_in_any_form_of_file(text: str):
    new = set_value(text, "live", "/new")
    before = tomllib.loads(text)
    assert tomllib.loads(new) == {**before, "datasets": {**before.get("datasets", {}), "live": "/new"}}
    assert set_value(new, "live", "/new") == new


def test_a_file_that_hiqa_cannot_edit_is_left_unchanged(settings: Path, tmp_path: Path):
    settings.parent.mkdir(parents=True)
    settings.write_text('datasets = { live = "/old" }\n')
    with pytest.raises(UsageError, match="by hand"):
        save_root(DATABASES["live"], tmp_path)
    assert settings.read_text() == 'datasets = { live = "/old" }\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [("[datasets\n", "not valid TOML"), ("datasets = 3\n", "expected a section"), ("[datasets]\nlive = 3\n", "quotes")],
)
def test_an_invalid_configuration_file_is_named_in_one_line(settings: Path, text: str, message: str):
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        configured_root(LIVE)
    assert str(settings) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_link_to_the_file_and_its_permissions_stay(settings: Path, tmp_path: Path):
    real = tmp_path / "dotfiles.toml"
    real.write_text("a = 1\n")
    real.chmod(0o640)
    settings.parent.mkdir(parents=True)
    settings.symlink_to(real)
    save_root(DATABASES["live"], tmp_path)
    assert settings.is_symlink()
    assert tomllib.loads(real.read_text()) == {"a": 1, "datasets": {"live": str(tmp_path)}}
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save_root(DATABASES["csiq"], tmp_path)
    before = settings.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="no space left on device"):
        save_root(DATABASES["live"], tmp_path)
    assert settings.read_bytes() == before
    assert [path.name for path in settings.parent.iterdir()] == ["config.toml"]


def test_a_path_that_is_not_utf8_is_refused_and_the_variable_suggested():
    with pytest.raises(UsageError, match="HIQA_LIVE_ROOT"):
        save_root(DATABASES["live"], Path("/data/\udcff"))
    assert not configuration_file().exists()


def test_a_tilde_is_expanded(settings: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HIQA_TID2008_ROOT", "~/tid")
    write_tid(tmp_path / "tid", 2008, scenes=1, types=1)
    assert find_root(DATABASES["tid2008"]).path == tmp_path / "tid"
