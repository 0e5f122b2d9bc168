"""The tables of RESULTS.md: medians over finished splits, with quartiles."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from hiqa_train.datasets.rebuilt.tid_distortions import types
from hiqa_train.evaluation.agreement import ALL, MEASURES
from hiqa_train.evaluation.protocols.ablation import PAPER
from hiqa_train.evaluation.protocols.protocol import SplitResult
from hiqa_train.evaluation.protocols.summary import Spread, spread
from hiqa_train.evaluation.published import published_for

COMPARED = ("exact", "same level")  # classes of types to compare with the paper's numbers
METHOD = "Hallucinated-IQA"
Results = Mapping[str, Sequence[SplitResult]]


def type_spreads(results: Sequence[SplitResult], database: str) -> dict[str, Spread]:
    """Type -> its SROCC over splits, on the test images of that type in each split; negative for disagreement."""
    kinds = dict.fromkeys(row.type for result in results for row in result.databases[database])
    rows = [row for result in results for row in result.databases[database]]
    return {kind: spread([row.value("srocc") for row in rows if row.type == kind]) for kind in kinds}


def type_table(results: Results, database: str) -> list[str]:
    """A line for each type whose images measure like the originals, with the paper's number for the originals; then the
    mean of the lines, and of the means of each split."""
    theirs = next(one for one in published_for("tid2013") if one.method == METHOD).types
    names = dict(enumerate(theirs, start=1))
    compared = {number: one for number, one in types().items() if one.kind in COMPARED}
    ours = {row: type_spreads(found, database) for row, found in results.items()}
    lines = table_head(["type", "class", "the paper", *(f"{row}, {len(found)}" for row, found in results.items())])
    for number, one in compared.items():
        name = names[number]
        cells = [of_splits(spreads[name]) if name in spreads else "-" for spreads in ours.values()]
        lines.append(table_line([f"{number} {name}", one.kind, decimals(theirs[name]), *cells]))
    means = [mean([spreads[names[n]].median for n in compared]) for spreads in ours.values()]
    paper = mean([theirs[names[number]] for number in compared])
    lines.append(table_line([f"mean of the {len(compared)}", "", decimals(paper), *map(decimals, means)]))
    chosen = {names[number] for number in compared}
    of_each = [of_splits(spread([mean_of_types(one, database, chosen) for one in found])) for found in results.values()]
    lines.append(table_line([f"each split's mean of the {len(compared)}", "", "-", *of_each]))
    return lines


def mean_of_types(result: SplitResult, database: str, chosen: Collection[str]) -> float:
    """The mean SROCC of a split over some types."""
    return mean([row.value("srocc") for row in result.databases[database] if row.type in chosen])


def all_table(results: Results) -> list[str]:
    """A line for each row: SROCC over all test images of a split."""
    lines = table_head(["row", "splits", "SROCC", "lowest, highest", "PLCC", "PLCC, no fit"])
    for row, found in results.items():
        by_name = pooled(found)
        srocc = by_name["srocc"]
        lines.append(
            table_line(
                [
                    row,
                    str(srocc.splits),
                    of_splits(srocc),
                    f"{decimals(srocc.low)}, {decimals(srocc.high)}",
                    of_splits(by_name["plcc"]),
                    of_splits(by_name["plcc_unfitted"]),
                ]
            )
        )
    return lines


def ablation_table(results: Results) -> list[str]:
    """As figure 4, with the differences from BL and from the row before on the same splits, which are more reliable
    than differences of medians."""
    lines = table_head(
        ["row", "splits", "SROCC", "PLCC", "difference from BL", "from the row before", "paper: SROCC", "PLCC"]
    )
    before: Sequence[SplitResult] = ()
    for row, found in results.items():
        by_name = pooled(found)
        paper = [decimals(value) for value in PAPER.get(row, (math.nan, math.nan))]
        cells = [of_splits(by_name["srocc"]), of_splits(by_name["plcc"])]
        above = [gains(found, results.get("BL", ()) if row != "BL" else ()), gains(found, before)]
        lines.append(table_line([row, str(len(found)), *cells, *above, *paper]))
        before = found
    return lines


def gains(found: Sequence[SplitResult], base: Sequence[SplitResult]) -> str:
    """The mean difference of SROCC between two rows, and that of each split; "" without a common split."""
    theirs = {result.number: value_of(result, "srocc") for result in base}
    each = [value_of(result, "srocc") - theirs[result.number] for result in found if result.number in theirs]
    return f"{mean(each):+.3f} ({', '.join(f'{gain:+.3f}' for gain in each)})" if each else ""


def pooled(results: Sequence[SplitResult]) -> dict[str, Spread]:
    """Each measure over all images of the only database that a split tests."""
    return {name: spread([value_of(result, name) for result in results]) for name in MEASURES}


def value_of(result: SplitResult, measure: str) -> float:
    """A measure over all images of the only database that a split tests."""
    (rows,) = result.databases.values()
    return next(row.value(measure) for row in rows if row.type == ALL)


def of_splits(found: Spread) -> str:
    """The median, with quartiles for several splits."""
    if found.splits < 2:
        return decimals(found.median)
    return f"{decimals(found.median)} ({decimals(found.lower)}..{decimals(found.upper)})"


def decimals(value: float) -> str:
    """Three decimals; a dash for an undefined value."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def mean(values: Sequence[float]) -> float:
    """The mean of a sequence that is not empty."""
    return math.fsum(values) / len(values)


def table_head(cells: Sequence[str]) -> list[str]:
    """The first two lines of a table."""
    return [table_line(cells), "|" + "---|" * len(cells)]


def table_line(cells: Sequence[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"
