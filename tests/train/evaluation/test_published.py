"""Published numbers: each with protocol and source, under the names that readers give to types."""

from __future__ import annotations

from support.database_trees import LIVE_FOLDERS

from hiqa_train.datasets import DATABASES
from hiqa_train.datasets.readers.tid import TYPES
from hiqa_train.evaluation.published import all_published, published_for


def test_every_number_has_a_database_a_protocol_and_a_source():
    for one in all_published():
        assert one.database in DATABASES
        assert one.trained_on in ("", *DATABASES)
        assert one.protocol
        assert one.source
        assert all(0 < value < 1 for value in (one.srocc, one.plcc, *one.types.values()) if value is not None)


def test_types_are_named_as_the_readers_name_them():
    names = {"live": set(LIVE_FOLDERS), "tid2013": set(TYPES)}
    with_types = [one for one in all_published() if one.types]
    assert {one.database for one in with_types} == set(names)
    for one in with_types:
        assert set(one.types) == names[one.database], one.method


def test_numbers_stand_where_the_papers_tables_have_them():
    ours = {one.database: one for one in all_published() if one.method == "Hallucinated-IQA" and not one.trained_on}
    assert (ours["live"].srocc, ours["live"].plcc, ours["live"].types["fastfading"]) == (0.982, 0.982, 0.989)
    assert (ours["tid2013"].srocc, ours["tid2013"].types["Gaussian blur"]) == (0.879, 0.832)
    assert ours["tid2013"].types["sparse sampling"] == 0.616
    rank = next(one for one in published_for("tid2013") if one.method == "RankIQA")
    assert (rank.types["additive Gaussian noise"], rank.types["contrast change"], rank.srocc) == (0.667, 0.613, 0.780)


def test_numbers_of_one_protocol_are_never_shown_for_another():
    across = published_for("tid2008", "live")
    assert {one.method for one in across} >= {"CORNIA", "Hallucinated-IQA"}
    assert next(one.srocc for one in across if one.method == "Hallucinated-IQA") == 0.934
    assert not {(one.method, one.srocc) for one in across} & {(o.method, o.srocc) for o in published_for("tid2008")}
    assert published_for("livemd") == ()
