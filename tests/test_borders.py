"""The borders of the packages: who may import whom, no import cycles, and folders and files that stay small.

Imports inside functions count like those at the top of a file, except where a test says "at import time".
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"hiqa_cli": ROOT / "hiqa_cli", "hiqa_train": ROOT / "train"}
NOT_INSTALLED = "hiqa_train.experiments"
MOST_LINES, MOST_ENTRIES = 300, 14

HEAVY = {"torch", "cv2", "numpy", "scipy", "safetensors", "openvino", "PIL"}
TERMINAL = {"typer", "rich", "click"}
BASE = {"hiqa_cli.errors", "hiqa_cli._version", "hiqa_cli.files"}
MODELS = {"hiqa_cli.engine", "hiqa_cli.images", "hiqa_cli.networks"}
# A package or a module directly below hiqa_cli -> what it may import; itself always.
LAYERS: dict[str, set[str]] = {
    "hiqa_cli.__main__": {"hiqa_cli.commands", "hiqa_cli.console", "hiqa_cli.errors"},
    "hiqa_cli.commands": {
        *BASE, "hiqa_cli.scoring", "hiqa_cli.report", "hiqa_cli.distributed", "hiqa_cli.rows", "hiqa_cli.console",
        "hiqa_cli.engine", "hiqa_cli.images", "hiqa_train",
    },
    "hiqa_cli.scoring": {
        *BASE, *MODELS, "hiqa_cli.distributed", "hiqa_cli.report", "hiqa_cli.rows", "hiqa_cli.console",
    },
    "hiqa_cli.report": {*BASE, "hiqa_cli.engine", "hiqa_cli.images", "hiqa_cli.rows", "hiqa_cli.console"},
    "hiqa_cli.distributed": {*BASE, "hiqa_cli.engine", "hiqa_cli.images", "hiqa_cli.rows"},
    "hiqa_cli.rows": {*BASE, "hiqa_cli.engine", "hiqa_cli.console"},
    "hiqa_cli.console": {"hiqa_cli.errors"},
    "hiqa_cli": {*BASE, "hiqa_cli.engine", "hiqa_cli.images"},
    "hiqa_cli.engine": {*BASE, "hiqa_cli.images", "hiqa_cli.networks"},
    "hiqa_cli.images": {"hiqa_cli.errors"},
    "hiqa_cli.networks": set(),
    "hiqa_cli.files": {"hiqa_cli.errors"},
    "hiqa_cli.errors": set(),
    "hiqa_cli._version": set(),
    "hiqa_train": {*BASE, *MODELS},
}  # fmt: skip

# The packages of hiqa_train, each of which imports only those before it.
TRAINING = (
    "distributed", "distortions", "datasets", "data", "recipes", "losses", "trainer", "uncertainty", "sources",
    "stages", "runs", "evaluation", "experiments",
)  # fmt: skip


@cache
def modules() -> Mapping[str, Path]:
    """Installed name -> file, of everything in hiqa_cli/ and train/."""
    found = {}
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


@cache
def imports(module: str, *, at_import_time: bool = False, with_types: bool = True) -> frozenset[str]:
    """Absolute names that a module imports; `at_import_time`: only what runs when it is imported."""
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if at_import_time and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if (at_import_time or not with_types) and is_for_types_only(child):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            if isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    above = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*above, base]) if base else ".".join(above)
                # `from package import module` imports the module; `from module import name` the module that holds it.
                inner = {f"{base}.{alias.name}" for alias in child.names}
                found.update(inner & modules().keys())
                if inner - modules().keys():
                    found.add(base)
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(found - {module})


def top(name: str) -> str:
    """The layer of a module: hiqa_cli.engine.tiling.grid -> hiqa_cli.engine, hiqa_train.data.splits -> hiqa_train."""
    parts = name.split(".")
    return "hiqa_train" if parts[0] == "hiqa_train" else ".".join(parts[:2])


def within(package: str) -> Iterator[str]:
    """The modules of a package."""
    found = [name for name in modules() if name == package or name.startswith(package + ".")]
    assert found, package
    yield from found


def cycles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Groups of nodes that reach one another (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node] & graph.keys():
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_cycles_are_found():
    graph = {name: frozenset(others) for name, others in {"a": "b", "b": "cd", "c": "a", "d": "e", "e": ""}.items()}
    assert cycles(graph) == [["a", "b", "c"]]


def test_no_module_imports_itself_by_way_of_others():
    assert cycles({module: imports(module) for module in modules()}) == []


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_is_below_it(layer):
    for module in within(layer) if layer != "hiqa_cli" else ["hiqa_cli"]:
        names = imports(module, with_types=layer != "hiqa_cli.console")
        ours = {top(name) for name in names if name.split(".")[0] in SOURCES}
        assert ours - {layer} - LAYERS[layer] == set(), module


@pytest.mark.parametrize("package", TRAINING)
def test_a_package_of_training_imports_only_those_before_it(package):
    allowed = {*TRAINING[: TRAINING.index(package)], package}
    for module in within(f"hiqa_train.{package}"):
        ours = {name.split(".")[1] for name in imports(module) if name.startswith("hiqa_train.")}
        assert ours - allowed == set(), module


def test_every_package_of_training_has_its_place():
    assert {name.split(".")[1] for name in modules() if name.startswith("hiqa_train.")} == set(TRAINING)


def test_every_module_belongs_to_a_layer():
    assert {top(module) for module in modules()} == set(LAYERS)


def test_the_console_names_training_for_its_types_only():
    for module in within("hiqa_cli.console"):
        known = {top(name) for name in imports(module) if name.split(".")[0] in SOURCES}
        assert known <= {"hiqa_cli.console", "hiqa_cli.errors", "hiqa_train"}, module


def test_networks_import_torch_and_the_standard_library_only():
    for module in within("hiqa_cli.networks"):
        foreign = {name.split(".")[0] for name in imports(module)} - {"torch", "hiqa_cli"}
        assert foreign <= set(sys.stdlib_module_names) - {"pathlib", "os"}, module


@pytest.mark.parametrize("package", ["hiqa_cli.engine", "hiqa_cli.images", "hiqa_cli.report", "hiqa_train"])
def test_only_the_command_line_knows_a_terminal(package):
    for module in within(package):
        assert {name.split(".")[0] for name in imports(module)} & TERMINAL == set(), module


def test_the_report_needs_no_torch():
    for module in within("hiqa_cli.report"):
        assert "torch" not in {name.split(".")[0] for name in imports(module)}, module


def test_commands_import_training_and_anything_heavy_only_when_they_are_called():
    for command in [*within("hiqa_cli.commands"), "hiqa_cli", "hiqa_cli.__main__"]:
        waiting, reached = [command], {command}
        while waiting:
            names = imports(waiting.pop(), at_import_time=True)
            assert {name.split(".")[0] for name in names} & {*HEAVY, "hiqa_train"} == set(), command
            new = {name for name in names if name in modules()} - reached
            reached |= new
            waiting += new


def entries(folder: Path) -> list[str]:
    """What lies in a folder, caches and `__init__.py` not counted."""
    return [p.name for p in folder.iterdir() if p.name not in ("__init__.py", "__pycache__") and p.name[0] != "."]


def folders() -> Iterator[Path]:
    for base in (ROOT / "hiqa_cli", ROOT / "train", ROOT / "tests"):
        yield base
        yield from (path for path in base.rglob("*") if path.is_dir() and path.name != "__pycache__")


def test_a_folder_has_about_a_dozen_entries():
    crowded = {str(folder.relative_to(ROOT)): len(entries(folder)) for folder in folders()}
    assert {name: count for name, count in crowded.items() if count > MOST_ENTRIES} == {}


def test_a_file_has_at_most_300_lines():
    files = [path for base in ("hiqa_cli", "train", "tests", "bench", ".ci") for path in (ROOT / base).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in files}
    assert {name: count for name, count in lengths.items() if count > MOST_LINES} == {}


def test_what_is_installed_is_every_folder_of_the_checkout_but_the_experiments():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    expected = {"hiqa_cli.weights": ROOT / "weights"}
    for package, base in SOURCES.items():
        for folder in [base, *(path for path in base.rglob("*") if path.is_dir() and path.name != "__pycache__")]:
            name = ".".join((package, *folder.relative_to(base).parts))
            if not f"{name}.".startswith(f"{NOT_INSTALLED}."):
                expected[name] = folder
    assert sorted(setup["packages"]) == sorted(expected)

    def source(package: str) -> Path:
        """Where setuptools looks for a package: its own entry of package-dir, else below its parent's."""
        if package in setup["package-dir"]:
            return ROOT / setup["package-dir"][package]
        parent, _, name = package.rpartition(".")
        return source(parent) / name

    assert {package: source(package) for package in expected} == expected
