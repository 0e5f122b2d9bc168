"""Four borders: commands -> engine -> networks, and training beside them; the imports hold to them.

The report package stands between commands and engine: it writes pages and pictures of what the commands hand it.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMON = {"hiqa_cli.errors", "hiqa_cli._version"}
HEAVY = {"torch", "cv2", "numpy", "scipy", "safetensors"}


def modules() -> dict[str, Path]:
    """Installed name -> file, of everything in hiqa_cli/ and train/."""
    found = {}
    for folder, package in ((ROOT / "hiqa_cli", "hiqa_cli"), (ROOT / "train", "hiqa_train")):
        for path in folder.rglob("*.py"):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(module: str, path: Path, *, at_import_time: bool = False) -> set[str]:
    """Absolute names that a module imports; `at_import_time`: only what runs when it is imported."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if at_import_time and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if at_import_time and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            if isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    above = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*above, base]) if base else ".".join(above)
                found.add(base)
                found.update(f"{base}.{alias.name}" for alias in child.names)
            visit(child)

    visit(tree)
    return found


def into(package: str, names: set[str]) -> set[str]:
    return {name for name in names if name == package or name.startswith(package + ".")}


def test_networks_import_torch_and_one_another_only():
    for module, path in modules().items():
        if not module.startswith("hiqa_cli.networks"):
            continue
        foreign = {
            name
            for name in imports(module, path)
            if name.split(".")[0] in HEAVY - {"torch"} | {"hiqa_train", "rich", "typer", "pathlib", "os"}
        }
        foreign |= into("hiqa_cli", imports(module, path)) - into("hiqa_cli.networks", imports(module, path))
        assert foreign == set(), module


def test_the_engine_imports_neither_commands_nor_training_nor_a_terminal():
    for module, path in modules().items():
        if module.startswith("hiqa_cli.engine"):
            names = imports(module, path)
            assert into("hiqa_cli.commands", names) | into("hiqa_cli.report", names) == set(), module
            assert into("hiqa_train", names) == set(), module
            assert into("typer", names) | into("rich", names) == set(), module


def test_the_report_imports_the_engine_but_no_networks_commands_training_or_terminal():
    reports = {module: path for module, path in modules().items() if module.startswith("hiqa_cli.report")}
    assert "hiqa_cli.report.page.writer" in reports
    for module, path in reports.items():
        names = imports(module, path)
        mine = into("hiqa_cli", names)
        allowed = into("hiqa_cli.engine", names) | into("hiqa_cli.report", names)
        allowed |= {name for name in mine if any(name == c or name.startswith(c + ".") for c in COMMON)}
        assert mine - allowed == set(), module
        assert {name.split(".")[0] for name in names} & {"torch", "typer", "rich", "hiqa_train"} == set(), module


def test_training_imports_engine_and_networks_but_no_commands():
    for module, path in modules().items():
        if module.startswith("hiqa_train"):
            names = imports(module, path)
            mine = into("hiqa_cli", names)
            allowed = into("hiqa_cli.engine", names) | into("hiqa_cli.networks", names)
            allowed |= {name for name in mine if any(name == c or name.startswith(c + ".") for c in COMMON)}
            assert mine - allowed == set(), module
            assert into("typer", names) | into("rich", names) == set(), module


def test_nothing_but_the_commands_themselves_and_the_entry_imports_commands():
    for module, path in modules().items():
        if module.startswith("hiqa_cli.commands") or module in ("hiqa_cli.commands.app", "hiqa_cli.__main__"):
            continue
        assert into("hiqa_cli.commands", imports(module, path)) == set(), module


def test_commands_import_networks_never_and_training_only_when_called():
    for module, path in modules().items():
        if module.startswith("hiqa_cli.commands"):
            assert into("hiqa_cli.networks", imports(module, path)) == set(), module
            assert into("hiqa_train", imports(module, path, at_import_time=True)) == set(), module


def test_commands_import_nothing_heavy_until_they_are_called():
    for module, path in modules().items():
        if module.startswith("hiqa_cli.commands") or module in (
            "hiqa_cli",
            "hiqa_cli.commands.app",
            "hiqa_cli.__main__",
        ):
            names = {name.split(".")[0] for name in imports(module, path, at_import_time=True)}
            assert names & HEAVY == set(), module
