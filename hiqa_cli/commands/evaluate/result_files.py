"""Files that `hiqa evaluate` writes: numbers as JSON, a table as CSV, a scatter plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hiqa_cli.files.atomic import write_bytes, write_json
from hiqa_cli.files.output_checks import check_new_file
from hiqa_cli.rows.csv_rows import encode_cells

if TYPE_CHECKING:
    from hiqa_train.evaluation.result import DatabaseResult


@dataclass(frozen=True)
class ResultFiles:
    """Files to write in addition to the printed tables; None: not requested."""

    json: Path | None = None
    csv: Path | None = None
    plot: Path | None = None
    overwrite: bool = False

    def check(self, databases: list[str]) -> None:
        """UsageError if a file cannot be written, or exists and must not be replaced."""
        check_new_file(self.json, "--json", self.overwrite)
        check_new_file(self.csv, "--csv", self.overwrite)
        for name in databases:
            check_new_file(self.plot_of(name, databases), "--plot", self.overwrite)

    def plot_of(self, name: str, databases: list[str]) -> Path | None:
        """The plot of one database: its name is added before the suffix if there are several databases."""
        if self.plot is None or len(databases) == 1:
            return self.plot
        return self.plot.with_name(f"{self.plot.stem}.{name}{self.plot.suffix}")

    def write(self, results: list[DatabaseResult], weights_id: str, settings: dict[str, Any]) -> None:
        """Write what was requested. Raises OutputError."""
        from hiqa_train.evaluation.result import COLUMNS, as_object, table_cells

        if self.json is not None:
            write_json(self.json, {"settings": settings, "datasets": [as_object(result) for result in results]})
        if self.csv is not None:
            write_csv(self.csv, [COLUMNS, *(cells for result in results for cells in table_cells(result, weights_id))])
        names = [result.selection.dataset.name for result in results]
        for result, name in zip(results, names, strict=True):
            plot = self.plot_of(name, names)
            if plot is not None:
                draw_plot(plot, result, weights_id)


def write_csv(path: Path, rows: list[Any]) -> None:
    """Write rows of cells as CSV: UTF-8, lines ending in LF."""
    write_bytes(path, b"".join(map(encode_cells, rows)))


def draw_plot(path: Path, result: DatabaseResult, weights_id: str) -> None:
    """Draw published scores over hiqa's, with the fitted curve, as PNG. Raises OutputError."""
    from hiqa_train.evaluation.scatter import draw_scatter, write_plot

    dataset, agreement = result.selection.dataset, result.all.agreement
    assert agreement is not None  # measure_selection() refuses a result without
    plot = draw_scatter(
        result.predictions,
        result.curve,
        title=f"{dataset.title}, {result.selection.part}: {result.all.images:,} images of {result.all.scenes:,} scenes",
        subtitle=f"SROCC {agreement.srocc:.3f}   PLCC {agreement.plcc:.3f}   RMSE {agreement.rmse:.3g}   "
        f"KROCC {agreement.krocc:.3f}",
        x_label=f"hiqa score (weights {weights_id}), high is good",
        y_label=f"published {dataset.scale.kind}, {dataset.scale.direction}",
    )
    write_plot(path, plot, weights_id)
