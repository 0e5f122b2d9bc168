"""`hiqa weights`: what is installed, whether it is unaltered. Needs no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from support.process import RunHiqa, environment


def test_weights_are_described_and_checked(run_hiqa: RunHiqa, tiny_weights: Path) -> None:
    done = run_hiqa("weights", weights=tiny_weights)
    assert (done.code, done.err) == (0, b"")
    text = done.out.decode()
    for part in (
        "tiny random weights",
        "Apache-2.0",
        "none (none): random numbers",
        "never trained",
    ):
        assert part in text
    assert text.count("checksum OK") == 2


def test_json_tells_the_same_and_an_altered_file_is_1(run_hiqa: RunHiqa, tiny_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "altered"
    shutil.copytree(tiny_weights, folder)
    with (folder / "regressor.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    done = run_hiqa("weights", "--json", "--weights", folder)
    facts = json.loads(done.out)
    assert done.code == 1
    assert [file["ok"] for file in facts["files"]] == [True, False]
    assert len(facts["weights"]) == 8
    assert facts["training_data"] == [{"name": "none", "terms": "none", "use": "random numbers"}]


def test_checking_weights_imports_no_torch(tiny_weights: Path) -> None:
    script = (
        "import sys; from hiqa_cli.commands.app import run\n"
        "run(['weights'])\n"
        "sys.exit(','.join(set(sys.modules) & {'torch', 'cv2', 'scipy'}) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        env=environment(tiny_weights),
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
