"""The paper's tables on the rebuilt databases: one command per table; each resumes where it was stopped.

    TABLES="python -m hiqa_train.experiments.rebuilt.tables"
    $TABLES within --tid2013 TREE --pretrained PRE --generator WEIGHTS --out OUT
    $TABLES across --tid2013 TREE --tid2008 TREE8 --pretrained PRE --generator WEIGHTS --out OUT
    $TABLES ablation --tid2008 TREE8 --pretrained PRE --generators GS --out OUT

PRE is the OUT of `pretraining`, GS that of `generators`. Splits are those of `splits.json`, by Kodak's number, one
table for both databases; `--splits N` takes the first N. Rows are trained one after the other; `--rows` takes some of
them, `--show` prints what is finished and trains nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from hiqa_cli.engine.config import Scoring
from hiqa_cli.errors import UsageError
from hiqa_train.data.splits import read_splits, write_splits
from hiqa_train.datasets import Dataset, open_dataset
from hiqa_train.evaluation.protocols.ablation import VARIANTS, variant
from hiqa_train.evaluation.protocols.baselines import Gmsd, NaturalScenes
from hiqa_train.evaluation.protocols.eval_splits import EvaluationSplit, Study, evaluation_splits
from hiqa_train.evaluation.protocols.methods import Loading, Method, TrainedHiqa
from hiqa_train.evaluation.protocols.protocol import SplitResult, read_result, run_protocol
from hiqa_train.experiments.script_main import report, run_command
from hiqa_train.recipes.loader import load_recipe
from hiqa_train.recipes.schema import Recipe
from hiqa_train.trainer.loop import StopSignal

from .markdown import ablation_table, all_table, type_table

HERE = Path(__file__).parent
SPLITS = HERE / "splits.json"
TYPES = ("jpeg2000", "jpeg", "noise", "blur")  # LIVE's, as far as TID2008 has them


@dataclasses.dataclass(frozen=True)
class TableStudy:
    """What the rows of a table share. pretrained: the OUT of `pretraining`; generator: the G of all splits."""

    pretrained: Path
    generator: Path
    out: Path
    seed: int

    @property
    def loading(self) -> Loading:
        return Loading("auto", "auto", None, None, Scoring(mode="exact", max_tiles=None))

    def recipe(self, file: str, name: str) -> Recipe:
        """A recipe of this folder, under the name of a row."""
        return dataclasses.replace(load_recipe(str(HERE / f"{file}.toml")), name=name)

    def trained(
        self,
        kind: Literal["hiqa", "baseline"],
        recipe: Recipe,
        init_regressor: Path | None,
        generator: Path | None = None,
    ) -> TrainedHiqa:
        """A row: R, trained by a recipe. init_regressor: what it starts from. generator: replaces the study's."""
        if kind == "baseline":
            recipe = variant(recipe, "BL")
        return TrainedHiqa(
            recipe,
            self.loading,
            self.seed,
            None if kind == "baseline" else generator or self.generator,
            kind=kind,
            init_regressor=init_regressor,
            cached_features=True,
        )


def rows_of_two(study: TableStudy) -> dict[str, Method]:
    """The rows of the tables within and across databases, by their names for --rows."""
    fine, scratch = partial(study.recipe, "finetuning"), partial(study.recipe, "scratch")
    return {
        "hiqa-pretrained": study.trained("hiqa", fine("pretrained"), study.pretrained),
        "baseline-pretrained": study.trained("baseline", fine("pretrained"), study.pretrained),
        "gmsd": Gmsd(),
        "nss": NaturalScenes(study.out / "nss" / "features.jsonl"),
        "hiqa-released": study.trained("hiqa", fine("released"), study.generator),
        "hiqa-scratch": study.trained("hiqa", scratch("scratch"), None),
        "baseline-scratch": study.trained("baseline", scratch("scratch"), None),
    }


def rows_of_ablation(study: TableStudy, generators: Path) -> dict[str, Method]:
    """The rows of figure 4. Each R starts from the R on images alone, with weight zero on its other inputs."""
    initial = study.pretrained / "alone"
    rows: dict[str, Method] = {}
    for name in VARIANTS:
        recipe = dataclasses.replace(variant(study.recipe("finetuning", name), name), name=name)
        if name == "BL":
            rows[name] = study.trained("baseline", study.recipe("finetuning", name), initial)
        else:
            generator = name if name in ("HCM", "QPL", "ADV") else "QADV"
            rows[name] = study.trained("hiqa", recipe, initial, generators / generator)
    return rows


def finished(eval_splits: Sequence[EvaluationSplit], method: Method, out: Path) -> list[SplitResult]:
    """The results of a row on its finished splits."""
    results = []
    for eval_split in eval_splits:
        file = out / method.name / f"split-{eval_split.number:02}" / "result.json"
        if file.exists():
            results.append(read_result(file, method.name, eval_split.number))
    return results


def open_rebuilt(name: str, tree: Path | None) -> Dataset:
    """Open a rebuilt database. Raises UsageError if its tree is not given."""
    if tree is None:
        raise UsageError(f"this table needs {name}", f"give --{name.removesuffix('-rebuilt')} TREE")
    return open_dataset(name, tree)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hiqa_train.experiments.rebuilt.tables")
    parser.add_argument("table", choices=["within", "across", "ablation"])
    parser.add_argument("--tid2013", type=Path, metavar="TREE")
    parser.add_argument("--tid2008", type=Path, metavar="TREE8")
    parser.add_argument("--pretrained", type=Path, required=True, metavar="PRE", help="the OUT of `pretraining`")
    parser.add_argument("--generator", type=Path, metavar="WEIGHTS", help="its G serves all splits")
    parser.add_argument("--generators", type=Path, metavar="GS", help="runs HCM, QPL, ADV, QADV, each with its G")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", nargs="+", help="only these rows, in this order")
    parser.add_argument("--splits", type=int, default=10, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--show", action="store_true")
    return parser.parse_args()


def prepared(given: argparse.Namespace) -> tuple[Study, dict[str, Method]]:
    """The databases to train and test on, and the rows of the table."""
    needed = "generators" if given.table == "ablation" else "generator"
    generators_path = getattr(given, needed)
    if generators_path is None:
        raise UsageError(f"{given.table} needs --{needed} DIR")
    study = TableStudy(given.pretrained, generators_path, given.out, given.seed)
    if given.table == "ablation":
        dataset = open_rebuilt("tid2008-rebuilt", given.tid2008)
        return Study((dataset,), (dataset,)), rows_of_ablation(study, generators_path)
    newer = open_rebuilt("tid2013-rebuilt", given.tid2013)
    if given.table == "within":
        return Study((newer,), (newer,)), rows_of_two(study)
    older = open_rebuilt("tid2008-rebuilt", given.tid2008)
    return Study((newer,), (older,), TYPES, TYPES), rows_of_two(study)


def go(given: argparse.Namespace) -> int:
    """Train the unfinished splits, then print the table of the finished ones."""
    if given.threads is not None:
        torch.set_num_threads(given.threads)
    study, rows = prepared(given)
    unknown = [word for word in given.rows or () if word not in rows]
    if unknown:
        raise UsageError(f"no row {unknown[0]!r} in this table", f"one of {', '.join(rows)}")
    splits = read_splits(SPLITS)
    eval_splits = evaluation_splits(study, splits)
    if not given.show:
        stop = StopSignal()
        write_splits(given.out / "splits.json", splits, study.datasets)
        methods = [rows[word] for word in given.rows or rows]
        # a row's folder belongs to all its splits, of which `only` some run in this call
        only = range(given.splits)
        done = run_protocol(given.table, eval_splits, methods, given.out, stop=stop, report=report, only=only)
        if done is None:
            report("stopped; run the same command to resume")
            return 128 + stop.signal
    results = {word: finished(eval_splits, method, given.out) for word, method in rows.items()}
    results = {word: found for word, found in results.items() if found}
    if given.table == "within":
        report("\n".join([*type_table(results, "tid2013-rebuilt"), ""]))
    lines = ablation_table(results) if given.table == "ablation" else all_table(results)
    report("\n".join(lines))
    return 0


def main() -> None:
    """Run the command; see the module's docstring."""
    run_command(lambda: go(parsed()))


if __name__ == "__main__":
    main()
