"""Rows at a full disk and at a signal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hiqa_cli.errors import OutputError
from hiqa_cli.rows.csv_rows import CSV
from hiqa_cli.rows.line_table import LineTable
from hiqa_cli.rows.row import Row
from hiqa_cli.rows.table import IfExists
from hiqa_cli.scoring.inputs import Input
from hiqa_cli.scoring.resume import plan_resume


def scored(path: str) -> Row:
    return Row(path, score=50.0, width=300, height=200, tiles=2, mode="fast", precision="fp32", weights="0123abcd")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_an_output_error() -> None:
    table = LineTable("/dev/full", CSV, IfExists.REFUSE)
    with pytest.raises(OutputError, match="no space left"):
        table.open()
    table.close()


def test_a_row_written_just_before_a_signal_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(CSV.header + CSV.encode(Row("a", error="truncated")))
    table = LineTable(str(path), CSV, IfExists.RESUME)
    plan_resume([table], [Input("a", "."), Input("b", ".")], [None, None])
    table.open()
    table.append(scored("a"))
    real_write = os.write

    def write_and_stop(file: int, data: bytes) -> int:
        real_write(file, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        table.append(scored("b"))
    monkeypatch.undo()
    table.close()
    assert path.read_bytes() == CSV.header + CSV.encode(scored("a")) + CSV.encode(scored("b"))
