"""Versions of the same images: what counts as a pair."""

from __future__ import annotations

from hiqa_cli.report.versions import Version, compare_versions, scored_pairs


def test_a_row_that_a_table_has_twice_is_not_an_image_without_a_pair() -> None:
    first = Version("first", ("a/1.png", "a/2.png", "a/1.png"), (50.0, 60.0, 50.0))
    second = Version("second", ("b/1.png", "b/2.png"), (40.0, 61.0))
    pairs = scored_pairs(first, second)
    assert [(pair.name, pair.drop) for pair in pairs] == [("1", 10.0), ("2", -1.0)]
    assert compare_versions(first, second, pairs).unmatched == 0


def test_an_image_without_a_score_or_without_its_twin_has_no_pair() -> None:
    first = Version("first", ("a/1.png", "a/2.png", "a/3.png"), (50.0, 60.0, 70.0))
    second = Version("second", ("b/1.png", "b/2.png"), (40.0, None))
    pairs = scored_pairs(first, second)
    assert [pair.name for pair in pairs] == ["1"]
    assert compare_versions(first, second, pairs).unmatched == 2
