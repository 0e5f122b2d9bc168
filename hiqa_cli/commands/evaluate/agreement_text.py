"""Tables of agreement measures as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hiqa_cli.console.text import count, escape_for_terminal

if TYPE_CHECKING:
    from hiqa_train.evaluation.agreement import TypeAgreement
    from hiqa_train.evaluation.protocols.summary import Spread, Summary
    from hiqa_train.evaluation.published import Published
    from hiqa_train.evaluation.result import DatabaseResult

MEASURES = {"srocc": "SROCC", "plcc": "PLCC", "rmse": "RMSE", "krocc": "KROCC", "plcc_unfitted": "PLCC, no fit"}
WITH_INTERVAL = ("srocc", "plcc", "rmse")


def number(value: float | None) -> str:
    """Three decimals without a leading zero; "-" if not defined."""
    if value is None or value != value:
        return "-"
    text = f"{value:.3f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines: the first column left-aligned, the others right-aligned."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        right = (cell.strip().rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join([first, *right]).rstrip())
    return lines


def measure_lines(result: DatabaseResult, weights_id: str) -> list[str]:
    """The table of one database: what was measured, a row for each distortion type, all images last, and notes."""
    choice, dataset = result.selection, result.selection.dataset
    part = "all images" if choice.part == "all" else f"{choice.part} part"
    types = f", types {', '.join(choice.types)}" if choice.types else ""
    lines = [
        f"{dataset.title}, {part}{types}: {count(result.all.images, 'image')} of {count(result.all.scenes, 'scene')}; "
        f"{dataset.scale}; weights {weights_id}"
    ]
    lines += row_lines("type", result.rows)
    of_types = [row.value("srocc") for row in result.rows[:-1]]
    if of_types:
        lines.append(f"mean SROCC over {len(of_types)} types: {number(sum(of_types) / len(of_types))}")
    held = result.coverage
    if held is not None:
        lines.append(
            f"stated uncertainty: covers the error of {100 * held.covered:.1f} % of {held.cases:,} images "
            f"(target: 80 %); mean error {held.mean_error:.1f} points; {held.error_ratio:.2f} times larger in the "
            "third with the widest uncertainty than in the third with the narrowest"
        )
    if result.left_out:
        lines.append(f"left out because the weights were trained on them: {count(len(result.left_out), 'scene')}")
    return lines


def row_lines(title: str, measured: Sequence[TypeAgreement]) -> list[str]:
    """A table of measures, a line for each type, then the fitting method and why measures are missing."""
    from hiqa_train.evaluation.agreement import FIT

    rows = [[title, "images", *MEASURES.values()]]
    rows += [[row.type, f"{row.images:,}", *(_cell(row, name) for name in MEASURES)] for row in measured]
    lines = columns(rows)
    with_intervals = any(row.intervals for row in measured)
    lines.append(FIT + ("; [95 % intervals by bootstrap over scenes]" if with_intervals else ""))
    lines += [f"{row.type}: {row.problem}" for row in measured if row.problem]
    return [escape_for_terminal(line) for line in lines]


def _cell(row: TypeAgreement, name: str) -> str:
    text = number(row.value(name))
    interval = row.intervals.get(name)
    if interval is None or name not in WITH_INTERVAL:
        return text
    return f"{text} [{number(interval.low)}, {number(interval.high)}]"


def published_lines(result: DatabaseResult) -> list[str]:
    """Published results for the database next to those measured, each with its source."""
    from hiqa_train.evaluation.published import published_for

    ours = {row.type: row.value("srocc") for row in result.rows}
    return literature_lines("hiqa, here", ours, result.all.value("plcc"), published_for(result.selection.dataset.name))


def literature_lines(name: str, srocc: dict[str, float], plcc: float, published: Sequence[Published]) -> list[str]:
    """SROCC by type and PLCC over all images, ours first, then published ones, with protocol and source.

    srocc: by type, including "all".
    """
    if not published:
        return ["no published results known for this database"]
    with_types = [one for one in published if one.types]
    lines = []
    if with_types and len(srocc) > 1:
        rows = [["SROCC", name, *(one.method for one in with_types)]]
        rows += [
            [kind, number(value), *(number(one.types.get(kind) if kind != "all" else one.srocc) for one in with_types)]
            for kind, value in srocc.items()
        ]
        lines += [*columns(rows), ""]
    rows = [["all images", "SROCC", "PLCC"], [name, number(srocc.get("all")), number(plcc)]]
    rows += [[one.method, number(one.srocc), number(one.plcc)] for one in published]
    sources = list(dict.fromkeys(f"{one.protocol}; {one.source}" for one in published))
    notes = ["", "", *(f"[{1 + sources.index(f'{one.protocol}; {one.source}')}]" for one in published)]
    lines += [f"{line}  {note}".rstrip() for line, note in zip(columns(rows), notes, strict=True)]
    lines += [f"[{place}] {source}" for place, source in enumerate(sources, start=1)]
    return [*(escape_for_terminal(line) for line in lines), "Compare within one protocol only."]


def summary_lines(summaries: Sequence[Summary]) -> list[str]:
    """Medians over the splits of one database: SROCC by type and method, then all measures by method."""
    from hiqa_train.evaluation.agreement import ALL, FIT

    methods = list(dict.fromkeys(row.method for row in summaries))
    kinds = dict.fromkeys(row.type for row in summaries if row.type != ALL)
    by_place = {(row.method, row.type): row for row in summaries}
    lines = []
    if kinds:
        rows = [["SROCC", *methods]]
        for kind in (*kinds, ALL):
            found = [by_place.get((method, kind)) for method in methods]
            rows.append([kind, *("-" if row is None else _spread(row.measures["srocc"]) for row in found)])
        lines += [*columns(rows), ""]
    rows = [["all images", *MEASURES.values()]]
    rows += [[method, *(_spread(by_place[method, ALL].measures[name]) for name in MEASURES)] for method in methods]
    lines += columns(rows)
    lines.append("Medians over splits [quartiles]. " + FIT)
    for row in summaries:
        srocc = row.measures["srocc"]
        if srocc.splits < srocc.of:
            lines.append(f"{row.method}, {row.type}: not defined in {srocc.of - srocc.splits} of {srocc.of} splits")
    return [escape_for_terminal(line) for line in lines]


def _spread(found: Spread) -> str:
    return f"{number(found.median)} [{number(found.lower)}, {number(found.upper)}]"
