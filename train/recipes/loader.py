"""Read recipes from TOML files, strictly: a file has all values, or names a base recipe and changes some of them."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from hiqa_cli.errors import UsageError

from .schema import Networks, Recipe, RunSettings
from .stages import KINDS, GeneratorStage, JointStage, RegressorStage, Stage

DEFAULT = "best"  # the recipe of `hiqa train --dataset`
SYNTHETIC = "synthetic"  # the recipe of `hiqa train --clean-images`
RELEASE = "release"  # the recipe of `hiqa train --dataset --clean-images`

OPTIONAL = ("shares", "half_width_growth")  # tables that are empty by default, and replace a base's as a whole


def recipe_names() -> list[str]:
    """Names of the recipes that come with hiqa."""
    folder = resources.files("hiqa_train") / "recipes"
    return sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Load a recipe by its name, or by the path of a `.toml` file. Raises UsageError for anything else."""
    name = Path(name_or_path).stem if name_or_path.endswith(".toml") else name_or_path
    return _recipe(name, _merged(name_or_path), name_or_path)


def _text(name_or_path: str) -> str:
    if name_or_path.endswith(".toml"):
        try:
            return Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the recipe {name_or_path} cannot be read: {error}") from error
    if name_or_path not in recipe_names():
        raise UsageError(
            f"no such recipe: {name_or_path}", f"one of {', '.join(recipe_names())}, or the path of a .toml file"
        )
    return (resources.files("hiqa_train") / "recipes" / f"{name_or_path}.toml").read_text(encoding="utf-8")


def _merged(name_or_path: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    if name_or_path in above:
        raise UsageError(f"the recipe {name_or_path} is its own base")
    try:
        table = tomllib.loads(_text(name_or_path))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the recipe {name_or_path} is not valid TOML: {error}") from error
    base = table.pop("base", None)
    return table if base is None else _overlay(_merged(str(base), (*above, name_or_path)), table)


def _overlay(base: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `table` in their place, merged table by table; OPTIONAL tables are replaced."""
    merged = dict(base)
    for key, value in table.items():
        is_table = isinstance(value, dict) and isinstance(base.get(key), dict) and key not in OPTIONAL
        merged[key] = _overlay(base[key], value) if is_table else value
    return merged


def _recipe(name: str, table: dict[str, Any], where: str) -> Recipe:
    order = table.pop("order", None)
    if not isinstance(order, list) or not order or not all(isinstance(word, str) for word in order):
        raise UsageError(f'the recipe {where}: expected order = ["stage", ...], found {order!r}')
    networks = dataclass_from_table(Networks, table.pop("networks", {}), f"{where}: [networks]")
    watch = dataclass_from_table(RunSettings, table.pop("watch", {}), f"{where}: [watch]")
    stages: dict[str, Stage] = {}
    for stage in order:
        fields = table.get(stage)
        kind = fields.get("kind") if isinstance(fields, dict) else None
        if kind not in KINDS:
            raise UsageError(f"the recipe {where}: [{stage}] kind: expected {', '.join(KINDS)}, found {kind!r}")
        stages[stage] = dataclass_from_table(KINDS[kind], fields, f"{where}: [{stage}]")
    for extra in table.keys() - set(order):  # a stage of the base may be left out of the order
        if not isinstance(table[extra], dict) or "kind" not in table[extra]:
            raise UsageError(f"the recipe {where} has the unknown entry {extra!r}", "add it to order, or remove it")
    _check_order(stages, where)
    return Recipe(name, stages, networks, watch)


def _check_order(stages: Mapping[str, Stage], where: str) -> None:
    """Raise UsageError unless the stages that a stage builds on come before it."""
    earlier: dict[str, str] = {}
    for name, stage in stages.items():
        needs: list[tuple[str, str]] = []
        if isinstance(stage, RegressorStage) and stage.begin:
            needs = [(stage.begin, "regressor")]
        elif isinstance(stage, GeneratorStage) and stage.psi_weight:
            needs = [(stage.psi, "regressor")]
        elif isinstance(stage, JointStage):
            needs = [(stage.generator, "generator"), (stage.regressor, "regressor")]
        for other, kind in needs:
            if earlier.get(other) != kind:
                raise UsageError(f"the recipe {where}: [{name}] builds on {other!r}, expected a {kind} stage before it")
        earlier[name] = stage.kind


Record = typing.TypeVar("Record")


def dataclass_from_table(cls: type[Record], table: Any, where: str) -> Record:
    """A dataclass from a TOML table. Raises UsageError for an unknown or missing key, or a value of another type."""
    if not isinstance(table, dict):
        raise UsageError(f"the recipe {where}: expected a table, found {table!r}")
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in hints:
            near = get_close_matches(key, hints, n=1)
            guess = f"did you mean {near[0]}?" if near else ""
            raise UsageError(f"the recipe {where} has the unknown key {key!r}", guess)
    values = {}
    for key, hint in hints.items():
        if key not in table and key not in OPTIONAL:
            raise UsageError(
                f"the recipe {where}: the key {key} is missing", 'add it, or start the file with base = "best"'
            )
        values[key] = _value(hint, table.get(key, {}), f"{where} {key}")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return dataclass_from_table(hint, value, where)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in inner:
            return value
        raise UsageError(f"the recipe {where}: expected {', '.join(map(str, inner))}, found {value!r}")
    if origin is tuple:
        if isinstance(value, list):
            return tuple(_value(inner[0], one, where) for one in value)
    elif origin is not None:  # a mapping
        if isinstance(value, dict):
            return {str(key): _value(inner[1], one, where) for key, one in value.items()}
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    expected = {"tuple": "a list", "int": "a whole number", "float": "a number", "str": "text"}
    name = getattr(hint, "__name__", str(hint))
    raise UsageError(f"the recipe {where}: expected {expected.get(name, name)}, found {value!r}")
