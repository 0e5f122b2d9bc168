"""What the backend `auto` means on a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.process import RunHiqa, write_picture

from hiqa_cli.engine.backends import preferred
from hiqa_cli.engine.backends.preferred import can_cache, has_accelerator, preferred_backend


@pytest.fixture(autouse=True)
def plain_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Linux machine without a GPU, whose user has a cache."""
    monkeypatch.setattr(preferred.sys, "platform", "linux")
    monkeypatch.setattr(preferred, "ACCELERATORS", (tmp_path / "nvidiactl",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_processor_gets_openvino_and_a_device_that_is_named_torch() -> None:
    assert preferred_backend("auto") == preferred_backend("cpu") == "openvino"
    assert preferred_backend("cuda") == preferred_backend("mps") == "torch"


def test_without_the_package_torch_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferred, "has_openvino", lambda: False)
    assert preferred_backend("auto") == "torch"


@pytest.mark.parametrize(("found", "expected"), [(("cuda", "cpu"), "torch"), (("cpu",), "openvino")])
def test_where_there_is_a_driver_torch_is_asked_for_a_device(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: tuple[str, ...], expected: str
) -> None:
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr("hiqa_cli.engine.backends.devices.available_devices", lambda: found)
    assert has_accelerator()
    assert preferred_backend("auto") == expected
    assert preferred_backend("cpu") == "openvino"


@pytest.mark.parametrize(("machine", "expected"), [("arm64", True), ("x86_64", False)])
def test_apple_s_own_processors_have_a_device(monkeypatch: pytest.MonkeyPatch, machine: str, expected: bool) -> None:
    monkeypatch.setattr(preferred.sys, "platform", "darwin")
    monkeypatch.setattr(preferred.platform, "machine", lambda: machine)
    assert has_accelerator() is expected


def test_without_a_folder_for_compiled_networks_torch_scores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert can_cache()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert not can_cache()
    assert preferred_backend("auto") == "torch"


@pytest.mark.slow
def test_a_run_resumes_with_the_backend_of_its_rows(tmp_path: Path, tiny_weights: Path, run_hiqa: RunHiqa) -> None:
    both = [str(tmp_path / f"{name}.png") for name in ("a", "b")]
    for path in both:
        write_picture(Path(path), 1)
    table = ["--jsonl", str(tmp_path / "out.jsonl")]
    assert run_hiqa("score", both[0], *table, weights=tiny_weights).code == 0
    env = {"HIQA_BACKEND": "auto", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    second = run_hiqa("score", *both, *table, "--resume", "--verbose", weights=tiny_weights, env=env)
    assert second.code == 0
    assert any(", torch, cpu" in line for line in second.messages)
    assert not (tmp_path / "cache" / "hiqa" / "openvino").exists()
