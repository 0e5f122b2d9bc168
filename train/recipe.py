"""Recipes: everything that decides what a run learns, read from short TOML files, which hold all the values.

A recipe is an ordered list of stages, each of one of three kinds (`regressor`, `generator`, `joint`), the sizes of the
networks, and how a run is watched. The dataclasses have no defaults: what a file does not say is an error, unless it
names another recipe as its `base`, of which it then changes what it says.
"""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from hiqa_cli.errors import UsageError
from hiqa_cli.networks.discriminator import DiscriminatorConfig
from hiqa_cli.networks.generator import GeneratorConfig
from hiqa_cli.networks.regressor import RegressorConfig

DEFAULT = "best"  # the recipe of `hiqa train --dataset`
SYNTHETIC = "synthetic"  # the recipe of `hiqa train --pristine`


@dataclass(frozen=True)
class Learning:
    """How one network learns.

    rate: the highest learning rate; reached over `warmup` steps, multiplied by 0.1 every `drop_every` steps (0: never),
        falling linearly to a hundredth over the last `decay_share` of the stage.
    clip: largest gradient norm, 0 for no limit. averaging: decay of the averaged weights that are validated and
        released, 0 for the weights as they are.
    """

    optimiser: Literal["sgd", "adamw"]
    rate: float
    warmup: int
    decay_share: float
    drop_every: int
    weight_decay: float
    clip: float
    averaging: float


@dataclass(frozen=True)
class RegressorStage:
    """R learns scores (formulas 10-12). Of this kind are the baseline, which gives psi, and the final R.

    sees: beside the distorted image nothing ("image"), the discrepancy map of G's hallucination, or the map of the true
        reference ("reference", the oracle of the ablation). fusion: whether G's features are joined, formula (11).
    begin: the stage whose R it begins with, "" for a random one.
    ranking_weight, local_weight: of the ranking among versions of one picture, and of what is lost place by place, told
        from the reference; not in the paper.
    shares: of the distortions that are made on the way, where photographs are trained on in place of a database.
    """

    kind: Literal["regressor"]
    steps: int
    batch: int
    patch: int
    sees: Literal["image", "hallucination", "reference"]
    fusion: bool
    begin: str
    ranking_weight: float
    local_weight: float
    learning: Learning
    shares: Mapping[str, float]


@dataclass(frozen=True)
class GeneratorStage:
    """G learns to imagine the reference: pixel loss, VGG19's (4), psi's (5), and the adversarial loss (8).

    pixel: "mse", or "relative" (see `losses.pixel_loss`). first_stack_weight: of the earlier stacks' pixel loss.
    psi: the regressor stage whose R gives the quality features; psi_layer: which of R's four stages.
    features_from: the share of the steps after which VGG's and psi's losses join, at every `features_every`-th step,
        on the middle `features_patch` px.
    adversarial: "none"; "plain" (d_fake = 0 always); or "quality", d_fake by formula (7). It joins after
        `adversarial_from` of the steps; `judge` is the learning of the two-input R of formula (7), which learns from
        the first step, `discriminator` D's. saturating: formula (8) as it stands, else -log D(G(I_d)).
    """

    kind: Literal["generator"]
    steps: int
    batch: int
    patch: int
    pixel: Literal["mse", "relative"]
    first_stack_weight: float
    vgg_weight: float
    vgg_layers: tuple[str, ...]
    psi_weight: float
    psi: str
    psi_layer: int
    features_from: float
    features_every: int
    features_patch: int
    adversarial: Literal["none", "plain", "quality"]
    adversarial_weight: float
    adversarial_from: float
    saturating: bool
    learning: Learning
    judge: Learning
    discriminator: Learning
    shares: Mapping[str, float]


@dataclass(frozen=True)
class JointStage:
    """G and R go on together, in turn: R as in the stage `regressor`, G with the losses of the stage `generator` but
    for the adversarial one, and R's own loss, `score_weight` heavy, through the discrepancy map and the fusion."""

    kind: Literal["joint"]
    steps: int
    batch: int
    patch: int
    generator: str
    regressor: str
    score_weight: float
    learning: Learning
    generator_learning: Learning
    shares: Mapping[str, float]


Stage = RegressorStage | GeneratorStage | JointStage
KINDS: dict[str, type[Stage]] = {"regressor": RegressorStage, "generator": GeneratorStage, "joint": JointStage}


@dataclass(frozen=True)
class Networks:
    """Sizes of the networks; see their configurations. absolute_map: |I_d - G(I_d)| in place of the signed map."""

    generator_channels: tuple[int, ...]
    generator_stacks: int
    regressor_width: int
    regressor_hidden: int
    batch_norm: bool
    absolute_map: bool
    discriminator_channels: tuple[int, ...]

    @property
    def generator(self) -> GeneratorConfig:
        return GeneratorConfig(self.generator_channels, self.generator_stacks)

    @property
    def discriminator(self) -> DiscriminatorConfig:
        return DiscriminatorConfig(self.discriminator_channels)

    def regressor(self, semantic_channels: int, *, discrepancy: bool, fusion: bool) -> RegressorConfig:
        """semantic_channels: of the G whose features are fused."""
        return RegressorConfig(
            self.regressor_width, semantic_channels, self.regressor_hidden, discrepancy, fusion, self.batch_norm,
            self.absolute_map,
        )  # fmt: skip


@dataclass(frozen=True)
class Watch:
    """How a run is watched. Numbers of steps, but for:

    pieces: a batch is worked off in so many, their gradients averaged: less memory, and batch norms that see a piece.
    workers: processes that cut patches. validation_pictures: at most so many of a database, `validation_patches` each.
    half_width_pictures: validation pictures (versions of one, where distortions are made) that the stated half-width
        is fitted on.
    """

    log_every: int
    validate_every: int
    checkpoint_every: int
    pictures_every: int
    pieces: int
    workers: int
    validation_pictures: int
    validation_patches: int
    half_width_pictures: int


@dataclass(frozen=True)
class Recipe:
    """A whole recipe. stages: by name, in the order they are run."""

    name: str
    stages: Mapping[str, Stage]
    networks: Networks
    watch: Watch

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        return {
            "name": self.name,
            "stages": {name: dataclasses.asdict(stage) for name, stage in self.stages.items()},
            "networks": dataclasses.asdict(self.networks),
            "watch": dataclasses.asdict(self.watch),
        }

    def with_stage(self, name: str, **changes: Any) -> Recipe:
        """The same recipe with some fields of one stage changed."""
        stages = {**self.stages, name: dataclasses.replace(self.stages[name], **changes)}
        return dataclasses.replace(self, stages=stages)

    def only(self, *names: str) -> Recipe:
        """The same recipe without its other stages."""
        return dataclasses.replace(self, stages={n: s for n, s in self.stages.items() if n in names})


def recipe_names() -> list[str]:
    """The recipes that come with hiqa."""
    folder = resources.files("hiqa_train") / "recipes"
    return sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe that comes with hiqa by its name, or any by its path (`.toml`). UsageError where it is not one."""
    name = Path(name_or_path).stem if name_or_path.endswith(".toml") else name_or_path
    return _recipe(name, _merged(name_or_path), name_or_path)


def _text(name_or_path: str) -> str:
    if name_or_path.endswith(".toml"):
        try:
            return Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the recipe {name_or_path}: {error}") from error
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
        raise UsageError(f"the recipe {name_or_path} is no TOML: {error}") from error
    base = table.pop("base", None)
    return table if base is None else _over(_merged(str(base), (*above, name_or_path)), table)


def _over(base: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """`base` with what `table` says in its place, table by table; shares are replaced whole."""
    found = dict(base)
    for key, value in table.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict) and key != "shares"
        found[key] = _over(base[key], value) if both else value
    return found


def _recipe(name: str, table: dict[str, Any], where: str) -> Recipe:
    order = table.pop("order", None)
    if not isinstance(order, list) or not order or not all(isinstance(word, str) for word in order):
        raise UsageError(f"the recipe {where}: expected order = [\"stage\", ...], found {order!r}")
    networks = build(Networks, table.pop("networks", {}), f"{where}: [networks]")
    watch = build(Watch, table.pop("watch", {}), f"{where}: [watch]")
    stages: dict[str, Stage] = {}
    for stage in order:
        fields = table.get(stage)
        kind = fields.get("kind") if isinstance(fields, dict) else None
        if kind not in KINDS:
            raise UsageError(f"the recipe {where}: [{stage}] kind: expected {', '.join(KINDS)}, found {kind!r}")
        stages[stage] = build(KINDS[kind], fields, f"{where}: [{stage}]")
    for extra in table.keys() - set(order):  # a stage of the base that is not run is no mistake
        if not isinstance(table[extra], dict) or "kind" not in table[extra]:
            raise UsageError(f"the recipe {where} has the unknown entry {extra!r}", "name it in order, or remove it")
    _check_named(stages, where)
    return Recipe(name, stages, networks, watch)


def _check_named(stages: Mapping[str, Stage], where: str) -> None:
    """A stage that another one builds on must come before it."""
    seen: dict[str, str] = {}
    for name, stage in stages.items():
        needs: list[tuple[str, str]] = []
        if isinstance(stage, RegressorStage) and stage.begin:
            needs = [(stage.begin, "regressor")]
        elif isinstance(stage, GeneratorStage) and stage.psi_weight:
            needs = [(stage.psi, "regressor")]
        elif isinstance(stage, JointStage):
            needs = [(stage.generator, "generator"), (stage.regressor, "regressor")]
        for other, kind in needs:
            if seen.get(other) != kind:
                raise UsageError(f"the recipe {where}: [{name}] builds on {other!r}, expected a {kind} stage before it")
        seen[name] = stage.kind


Built = typing.TypeVar("Built")


def build(cls: type[Built], table: Any, where: str) -> Built:
    """A dataclass from a TOML table; UsageError for a key unknown or missing, or a value of another type."""
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
        if key not in table and key != "shares":
            raise UsageError(f"the recipe {where} lacks {key}", 'give it, or begin the file with base = "best"')
        values[key] = _value(hint, table.get(key, {}), f"{where} {key}")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where)
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
    wanted = {"tuple": "a list", "int": "a whole number", "float": "a number", "str": "text"}
    name = getattr(hint, "__name__", str(hint))
    raise UsageError(f"the recipe {where}: expected {wanted.get(name, name)}, found {value!r}")
