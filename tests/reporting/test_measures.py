"""Measures as data: what they are made of, what is refused and how, and what they may import."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures.context import Among, Context
from livegold.reporting.measures.measure import (
    AllTime,
    ByBucket,
    Constant,
    Count,
    CountIf,
    CountOf,
    Max,
    Measure,
    Min,
    Sum,
    TrailingWindow,
    distinct_aggregates,
    mean,
    sqrt,
)
from livegold.reporting.measures.python import compute, evaluate, partial_rows


def test_each_aggregate_names_its_column_of_pulse_and_the_columns_it_reads():
    aggregates = [Count(), CountIf("tp"), CountOf("fare"), Sum("fare"), Min("fare"), Max("fare"), Sum("p", name="sure")]
    assert [a.name for a in aggregates] == ["events", "tp", "fare_count", "fare_sum", "fare_min", "fare_max", "sure"]
    assert [a.columns for a in aggregates] == [(), ("tp",), *[("fare",)] * 4, ("p",)]
    assert [a.additive for a in aggregates] == [True, True, True, True, False, False, True]


def test_an_expression_knows_its_aggregates_once_and_in_order():
    measure = Measure("m", (CountIf("tp") + Count()) / (Count() - 2 * sqrt(CountIf("tp")) + mean("fare")))
    assert [a.name for a in measure.aggregates] == ["tp", "events", "fare_sum", "fare_count"]
    assert measure.columns == ("tp", "fare")


def test_operators_take_numbers_on_either_side():
    values = {Count(): 6}
    results = [compute(e, values) for e in (1 + Count(), Count() - 1, 1 - Count(), 2 * Count(), 3 / Count(), -Count())]
    assert results == [7, 5, -5, 12, 0.5, -6]


def test_whole_and_fractional_constants_are_different_constants():
    assert Constant(2) != Constant(2.0)
    assert compute(Sum("fare") * 2, {Sum("fare"): Decimal("0.1")}) == Decimal("0.2")
    assert isinstance(compute(Sum("fare") * 2.0, {Sum("fare"): Decimal("0.1")}), float)


def test_sums_beyond_the_precision_of_a_double_stay_exact():
    rows = [{"cents": 2**53}, {"cents": 1}, {"cents": None}]
    assert Sum("cents").of_rows(rows) == 2**53 + 1
    money = [{"fare": Decimal("12345678901234567890123456789.99")}, {"fare": Decimal("0.01")}]
    assert Sum("fare").of_rows(money) == Decimal("12345678901234567890123456790.00")


def test_division_by_zero_and_roots_of_negative_numbers_are_blank():
    values = {Count(): 0}
    for expression in (1 / Count(), Count() / Count(), sqrt(Count() - 1), 5 - 1 / Count(), sqrt(1 / Count()) * 0):
        assert compute(expression, values) is None
    assert compute(sqrt(Count()), values) == 0


def test_measures_are_frozen_and_equal_by_content():
    assert Measure("m", Count() / 2) == Measure("m", Count() / 2)
    assert hash(Measure("m", Count() / 2)) == hash(Measure("m", Count() / 2))
    with pytest.raises(FrozenInstanceError):
        Measure("m", Count()).name = "n"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["", " ", " m", "m ", "a[b]", "a]b", 'a"b', "a'b", "a`b", "a\nb", "m" * 64])
def test_a_name_that_dax_or_sql_cannot_carry_is_refused(name):
    with pytest.raises(SpecificationError, match="name must be 1 to 63 characters"):
        Measure(name, Count())


@pytest.mark.parametrize("name", ["m", "Hit rate, last 30 min (%)", "F1", "Tips > 25 %", "m" * 63])
def test_ordinary_names_are_taken(name):
    assert Measure(name, Count()).name == name


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Count() + "1", r"'1' \(str\) is no operand"),
        (lambda: Count() * True, r"True \(bool\) is no operand"),
        (lambda: Count() * Decimal(1), r"\(Decimal\) is no operand"),
        (lambda: Count() / float("nan"), "out of range"),
        (lambda: Count() + 2**60, "out of range"),
        (lambda: Measure("m", Constant(1)), "no aggregate; use Count, CountIf"),
        (lambda: Measure("m", 1), "no aggregate"),  # type: ignore[arg-type]
        (lambda: Measure("m", Count(), scope="today"), r"use AllTime\(\), TrailingWindow\(minutes\) or ByBucket"),  # type: ignore[arg-type]
        (lambda: TrailingWindow(0), "whole minutes, 1 or more"),
        (lambda: TrailingWindow(1.5), "whole minutes, 1 or more"),  # type: ignore[arg-type]
        (lambda: Sum("fare]"), "is no column name"),
        (lambda: Sum("_x"), "cannot name a column of pulse; set name="),
        (lambda: Measure("m", CountIf("fare_sum") + Sum("fare")), "have one name in pulse"),
        (lambda: Measure("m", CountIf("TP") + CountIf("tp")), "have one name in pulse"),
        (lambda: Among("bucket_no", ("1",)), "use Between"),
        (lambda: Among("borough", "Bronx"), "give a tuple of texts"),  # type: ignore[arg-type]
        (lambda: Context.of([], (), (), 60), "no measure was asked for"),
        (lambda: Context.of([Measure("m", Count()), Measure("M", Count())], (), (), 60), "would name two columns"),
        (lambda: Context.of(Measure("borough", Count()), ("borough",), (), 60), "would name two columns"),
        (lambda: Context.of(Measure("m", CountIf("tp")), ("tp",), (), 60), "set its name="),
        (lambda: Context.of(Measure("m", Count()), "borough", (), 60), "give a tuple of column names"),
    ],
)
def test_what_cannot_be_is_refused_with_the_place_and_what_to_do(build, message):
    with pytest.raises(SpecificationError, match=message):
        build()


def test_two_measures_share_an_aggregate_and_may_not_share_its_name():
    shared = [Measure("a", Count() / 2), Measure("b", Count() + CountIf("tp"))]
    assert [a.name for a in distinct_aggregates(shared)] == ["events", "tp"]
    with pytest.raises(SpecificationError, match=r"measure 'c'.*have one name in pulse"):
        distinct_aggregates([*shared, Measure("c", CountIf("unknown", name="events"))])


def test_a_window_must_be_whole_buckets():
    measure = Measure("m", Count(), TrailingWindow(5))
    for seconds in (1, 20, 60, 100, 300):
        measure.check(seconds)
    with pytest.raises(SpecificationError, match="not a multiple of the bucket's 90"):
        measure.check(90)


def test_a_column_that_predictions_do_not_have_is_refused_with_those_they_have():
    measure = Measure("m", CountIf("tp") / mean("fare"))
    measure.check(60, ["tp", "fare"])
    with pytest.raises(SpecificationError, match=r"Sum\('fare'\).*use fares or tp"):
        measure.check(60, ["tp", "fares"])


def test_an_extreme_so_far_is_refused_unless_there_is_no_push_dataset():
    with pytest.raises(SpecificationError, match="can only be summed"):
        Measure("m", Max("fare"), AllTime()).check(60)
    Measure("m", Max("fare"), AllTime()).check(60, push=False)
    Measure("m", Max("fare"), TrailingWindow(5)).check(60)
    Measure("m", Max("fare"), ByBucket()).check(60)


def test_partial_rows_add_up_to_the_rows_they_came_from():
    rows = [
        {"bucket": None, "bucket_no": n, "borough": b, "tp": tp, "fare": fare}
        for n, b, tp, fare in [
            (1, "Bronx", True, 3),
            (1, "Bronx", None, None),
            (1, "Queens", False, 2),
            (2, "Bronx", True, 1),
        ]
    ]
    aggregates = (Count(), CountIf("tp"), Sum("fare"), CountOf("fare"), Max("fare"))
    pulse = partial_rows(aggregates, rows[:2], ["borough"]) + partial_rows(aggregates, rows[2:], ["borough"])
    assert pulse[0] == {"bucket": None, "bucket_no": 1, "borough": "Bronx"} | {
        "events": 2, "tp": 1, "fare_sum": 3, "fare_count": 1, "fare_max": 3
    }  # fmt: skip
    assert [a.of_partials(pulse) for a in aggregates] == [a.of_rows(rows) for a in aggregates] == [4, 2, 6, 3, 3]
    found = evaluate(Measure("m", mean("fare"), ByBucket()), pulse, ["bucket_no"], partial=True)
    assert found == [{"bucket_no": 1, "m": 2.5}, {"bucket_no": 2, "m": 1.0}]
