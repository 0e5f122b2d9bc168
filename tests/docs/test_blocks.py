"""Every shell and Python block that README and docs/ mark as runnable runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.process import CHECKOUT, environment

PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
RUNNABLE = re.compile(r"^<!-- runnable -->\n```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^<!-- runnable -->\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = {page.relative_to(CHECKOUT).as_posix(): RUNNABLE.findall(page.read_text("utf-8")) for page in PAGES}


def test_the_documentation_has_runnable_blocks():
    assert sum(map(len, BLOCKS.values())) >= 6
    assert BLOCKS["docs/quickstart.md"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are written for a POSIX shell")
@pytest.mark.parametrize("page", [page for page, blocks in BLOCKS.items() if blocks])
def test_the_runnable_blocks_of_a_page_run_in_order(
    page: str, tmp_path: Path, hiqa_words: list[str], tiny_weights: Path
):
    shutil.copytree(CHECKOUT / "examples", tmp_path / "examples")
    commands = tmp_path / "bin"
    commands.mkdir()
    hiqa = commands / "hiqa"
    hiqa.write_text(f'#!/bin/sh\nexec {shlex.join(hiqa_words)} "$@"\n')
    hiqa.chmod(0o755)
    # The quick start runs with hiqa's own weights, the other pages with small ones, which suffice for their commands.
    weights = None if page == "docs/quickstart.md" else tiny_weights
    variables = environment(weights, XDG_CACHE_HOME=str(tmp_path / "cache"), XDG_CONFIG_HOME=str(tmp_path / "config"))
    variables["PATH"] = f"{commands}:{variables['PATH']}"
    for block in BLOCKS[page]:
        done = subprocess.run(["sh", "-e", "-c", block], cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON.findall((CHECKOUT / "docs/api.md").read_text("utf-8")))
def test_a_runnable_block_of_the_api_runs(block: str, tmp_path: Path):
    shutil.copytree(CHECKOUT / "examples", tmp_path / "examples")
    (tmp_path / "block.py").write_text(block)
    done = subprocess.run(
        [sys.executable, "block.py"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"\d+\.\d+", done.stdout), "no score was printed"
