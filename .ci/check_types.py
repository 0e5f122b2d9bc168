"""Check the types of both packages under their installed names, so that they hold across the border between them.

    python .ci/check_types.py            check hiqa_cli and hiqa_train
    python .ci/check_types.py --prove    also add a wrong keyword to every call from the commands into hiqa_train, in
                                         copies, and require mypy to reject each of them

In a checkout the training package is the folder `train`: mypy finds no `hiqa_train` there, and everything that the
commands import from it would be `Any`.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"hiqa_cli": ROOT / "hiqa_cli", "hiqa_train": ROOT / "train"}
TREE = ROOT / "build" / "types"  # always the same place: mypy's cache knows files by their paths
MISTAKE = "no_such_keyword"


def lay_out() -> None:
    """Both packages below TREE under their installed names: links, or copies where the system refuses links."""
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for name, folder in PACKAGES.items():
        try:
            (TREE / name).symlink_to(folder, target_is_directory=True)
        except OSError:
            shutil.copytree(folder, TREE / name, ignore=shutil.ignore_patterns("__pycache__"))


def run_mypy(*options: str) -> tuple[int, str]:
    """mypy's exit code, and its report with the paths of the checkout."""
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(ROOT / ".mypy_cache"), *options]
    for name in PACKAGES:
        command += ["-p", name]
    done = subprocess.run(
        command, cwd=TREE, env={**os.environ, "MYPYPATH": str(TREE)}, capture_output=True, text=True, check=False
    )
    report = re.sub(r"^hiqa_train(?=[/\\])", "train", done.stdout + done.stderr, flags=re.MULTILINE)
    return done.returncode, report


def calls_into_training(tree: ast.Module) -> list[ast.Call]:
    """The calls of what a module imports from hiqa_train by name."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hiqa_train"
        for alias in node.names
    }
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


def with_mistakes(source: str) -> tuple[str, list[int]]:
    """The module with a wrong keyword in each of those calls, and their lines."""
    calls = calls_into_training(ast.parse(source))
    lines = source.encode().splitlines(keepends=True)
    for call in sorted(calls, key=lambda one: (one.end_lineno or 0, one.end_col_offset or 0), reverse=True):
        row, end = (call.end_lineno or 0) - 1, (call.end_col_offset or 0) - 1
        before = b"".join(lines[:row]) + lines[row][:end]
        comma = b"" if before.rstrip().endswith((b"(", b",")) else b", "
        lines[row] = lines[row][:end] + comma + f"{MISTAKE}=0".encode() + lines[row][end:]
    return b"".join(lines).decode(), [call.lineno for call in calls]


def prove() -> int:
    """Exit code: 0 where mypy rejects every mistake."""
    copies, options, made = TREE / "mistakes", [], Counter[str]()
    for path in sorted((TREE / "hiqa_cli" / "commands").rglob("*.py")):
        name = path.relative_to(TREE).as_posix()
        changed, lines = with_mistakes(path.read_text(encoding="utf-8"))
        if lines:
            copy = copies / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(changed, encoding="utf-8")
            options += ["--shadow-file", name, str(copy)]
            made.update(f"{name}:{line}" for line in lines)
    report = run_mypy(*options, "--no-incremental")[1].replace("\\", "/")
    found = Counter(re.findall(rf'^(\S+:\d+): error: Unexpected keyword argument "{MISTAKE}"', report, re.MULTILINE))
    missed = made - found
    print(
        f"mypy finds {found.total()} of {made.total()} deliberate mistakes in calls from the commands into hiqa_train"
    )
    for place in sorted(missed):
        print(f"{place}: a wrong keyword passes")
    return int(bool(missed) or not made)


def main(options: list[str]) -> int:
    lay_out()
    code, report = run_mypy()
    print(report, end="")
    return code or (prove() if options == ["--prove"] else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
