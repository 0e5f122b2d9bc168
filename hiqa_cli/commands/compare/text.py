"""What `hiqa compare` says: the verdicts in words, and all numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hiqa_cli.console.text import escape_for_terminal

if TYPE_CHECKING:
    from hiqa_cli.report.versions import Comparison, Version


def as_facts(first: Version, comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """All numbers, for JSON."""
    return {
        "first": first.name,
        "versions": [asdict(one) | {"verdict": one.change.verdict} for one in comparisons],
    }


def as_lines(first: Version, comparisons: Sequence[Comparison]) -> list[str]:
    """The verdicts in words, a table, and the images that fell most."""
    lines = [f"Compared with {escape_for_terminal(first.name)}:"]
    lines += [f"  {escape_for_terminal(one.change.sentence(one.name))}" for one in comparisons]
    width = max(7, *(len(one.name) for one in comparisons))
    lines += ["", f"{'version':<{width}}  images    mean  median  lower  higher  p (sign)   size"]
    for one in comparisons:
        change = one.change
        size = f"{100 * one.bytes[1] / one.bytes[0]:5.0f} %" if one.bytes is not None else "      -"
        lines.append(
            f"{escape_for_terminal(one.name):<{width}}  {change.pairs:6,}  {change.mean:+6.1f}  {change.median:+6.1f}"
            f"  {change.lower:5,}  {change.higher:6,}  {change.p_sign:8.2g}  {size}"
        )
    for one in comparisons:
        if one.losers:
            lines += ["", f"Fell most in {escape_for_terminal(one.name)}:"]
            lines += [f"  {before:6.2f} to {now:6.2f}  {escape_for_terminal(name)}" for name, before, now in one.losers]
    return lines
