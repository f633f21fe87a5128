"""Which changes of a use case its dataset can follow, by the definitions alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livegold.reporting.errors import Refused
from livegold.reporting.measures.measure import Count, Max, Measure, Sum, TrailingWindow
from livegold.reporting.powerbi.dataset import push_dataset
from livegold.reporting.powerbi.evolution import impossible_changes
from livegold.reporting.specification.usecase import Dimension, UseCase
from powerbi_cases import CASE


def changes(after: UseCase) -> list[str]:
    return impossible_changes(push_dataset(CASE, "d"), push_dataset(after, "d"))


def test_measures_come_change_and_go_and_columns_come() -> None:
    assert changes(CASE) == []
    assert (
        changes(replace(CASE, measures=(*CASE.measures, Measure("Most", Max("price"), scope=TrailingWindow(15))))) == []
    )
    assert changes(replace(CASE, measures=(*CASE.measures, Measure("All weight", Sum("weight"))))) == []
    other = tuple(replace(m, scope=TrailingWindow(30)) if m.name == "Recent parcels" else m for m in CASE.measures)
    assert changes(replace(CASE, measures=other)) == []


def test_the_last_measure_of_an_aggregate_takes_its_columns_along_and_they_are_named() -> None:
    without = tuple(m for m in CASE.measures if m.expression != Count())
    assert changes(replace(CASE, measures=without)) == ["column Pulse[events] is gone", "column Totals[events] is gone"]


def test_a_new_dimension_is_a_table_that_no_call_adds() -> None:
    found = changes(replace(CASE, dimensions=(*CASE.dimensions, Dimension("weather", "note"))))
    assert found == ["table 'Weather' is new"]


def test_a_dimension_that_is_gone_and_a_column_of_another_type_are_named() -> None:
    found = changes(replace(CASE, dimensions=()))
    assert "table 'Site' is gone" in found
    assert "column Pulse[site] is gone" in found
    fields = tuple(replace(f, type="double") if f.name == "price" else f for f in CASE.fields)
    assert "column Pulse[price_sum] was Decimal and is Double" in changes(replace(CASE, fields=fields))


def test_the_refusal_names_use_case_change_and_choices() -> None:
    import json

    from livegold.reporting.sinks.powerbi.destination import check_definition

    before = push_dataset(CASE, "d")
    after = push_dataset(replace(CASE, dimensions=()), "d")
    with pytest.raises(
        Refused, match=r"parcel_delay: table 'Site' is gone.*powerbi\.dataset.*backfill parcel_delay --drop"
    ):
        check_definition(CASE, json.dumps(before), "d", after)
    check_definition(CASE, json.dumps(before), "another", after)
