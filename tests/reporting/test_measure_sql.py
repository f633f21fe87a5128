"""The SQL renderings of random measures say what plain Python says, over predictions and over any split into pulse."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from livegold.reporting.measures.context import Among, Between
from livegold.reporting.measures.measure import (
    AllTime,
    ByBucket,
    Count,
    CountIf,
    Max,
    Measure,
    Min,
    Sum,
    TrailingWindow,
    mean,
    sqrt,
)
from livegold.reporting.measures.python import evaluate
from livegold.reporting.measures.sql import sql_over_predictions, sql_over_pulse, sql_over_push
from measure_cases import (
    BUCKET_SECONDS,
    BUCKETS,
    FIRST_BUCKET,
    answers,
    assert_same_answer,
    batches,
    bucket_rows,
    database,
    filters,
    groupings,
    measures,
    pulse_of,
    silent_rows,
    totals_of,
)

DIALECTS = ["spark", "databricks", "tsql", "postgres", "duckdb"]


@settings(max_examples=30, deadline=None)
@given(batches=batches, asked=measures(), by=groupings, where=filters)
def test_sql_over_predictions_and_over_pulse_say_what_python_says(batches, asked, by, where):
    rows = [row for batch in batches for row in batch]
    pulse = pulse_of(batches, asked)
    expected = evaluate(asked, rows, by, where, bucket_seconds=BUCKET_SECONDS)
    with database(rows, pulse, asked) as connection:
        over_predictions = answers(connection, sql_over_predictions(asked, "predictions", by, where))
        over_pulse = answers(connection, sql_over_pulse(asked, "pulse", by, where))
    assert_same_answer(over_predictions, expected, asked, by)
    assert_same_answer(over_pulse, expected, asked, by)
    assert_same_answer(evaluate(asked, pulse, by, where, partial=True), expected, asked, by)


@settings(max_examples=20, deadline=None)
@given(batches=batches, asked=measures(push=True), by=groupings, where=filters)
def test_sql_over_a_push_dataset_says_what_python_says(batches, asked, by, where):
    rows = [row for batch in batches for row in batch]
    pulse, totals = pulse_of(batches, asked), totals_of(batches, asked)
    with database(rows, pulse, asked, totals=totals) as connection:
        found = answers(connection, sql_over_push(asked, "pulse", "totals", by, where))
    assert_same_answer(found, evaluate(asked, rows, by, where), asked, by)


@settings(max_examples=20, deadline=None)
@given(batches=batches, asked=measures(), by=groupings, where=filters, silent=st.sets(st.integers(0, BUCKETS + 1)))
def test_zero_rows_for_silent_buckets_and_a_table_of_buckets_move_windows_alike(batches, asked, by, where, silent):
    rows = [row for batch in batches for row in batch]
    nos = sorted({r["bucket_no"] for r in rows} | {FIRST_BUCKET + n for n in silent})
    # A row of zeros needs dimension values: those of a row that is there, so that no group is added.
    likeness = {k: rows[0][k] for k in ("borough", "payment")} if rows else None
    pulse = pulse_of(batches, asked)
    if likeness:
        pulse += [row | likeness for row in silent_rows([FIRST_BUCKET + n for n in silent], asked)]
    elif silent:
        return
    expected = evaluate(asked, rows, by, where, buckets=bucket_rows(nos))
    with database(rows, pulse, asked, bucket_rows(nos)) as connection:
        over_predictions = answers(connection, sql_over_predictions(asked, "predictions", by, where, buckets="buckets"))
        over_pulse = answers(connection, sql_over_pulse(asked, "pulse", by, where))
    assert_same_answer(over_predictions, expected, asked, by)
    assert_same_answer(over_pulse, expected, asked, by)


@settings(max_examples=20, deadline=None)
@given(asked=measures(), by=groupings, where=filters, dialect=st.sampled_from(DIALECTS))
def test_sql_reads_back_in_its_dialect_as_it_was_written(asked, by, where, dialect):
    for render, table in ((sql_over_predictions, "gold.predictions"), (sql_over_pulse, "gold.pulse")):
        sql = render(asked, table, by, where, dialect=dialect)
        parsed = sqlglot.parse_one(sql, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
        assert [s.alias_or_name for s in parsed.selects] == [*by, *(m.name for m in asked)]
        assert sqlglot.parse_one(parsed.sql(dialect, identify=True), dialect=dialect) == parsed


def _rows(*rows: tuple) -> list[dict]:
    names = ("bucket_no", "borough", "payment", "tp", "fare", "miles")
    defaults = {"unknown": None, "passengers": None}
    return [bucket_rows([r[0]])[0] | defaults | dict(zip(names, r, strict=True)) for r in rows]


def _both(measure: Measure, rows: list[dict], by=(), where=()) -> list[dict]:
    with database(rows, pulse_of([rows], [measure]), [measure]) as connection:
        found = answers(connection, sql_over_predictions(measure, "predictions", by, where))
        again = answers(connection, sql_over_pulse(measure, "pulse", by, where))
    assert_same_answer(again, found, [measure], by)
    return found


def test_counts_and_sums_of_nothing_are_zero_and_the_rest_is_blank():
    for expression in (Count(), CountIf("tp"), Sum("miles"), Sum("fare")):
        assert _both(Measure("m", expression), []) == [{"m": 0}]
    for expression in (Min("fare"), Max("fare"), mean("fare"), 5 - mean("fare"), Count() / 0, sqrt(Count() - 1)):
        assert _both(Measure("m", expression), []) == [{"m": None}]


def test_no_events_make_no_groups():
    for by in (("borough",), ("bucket",), ("borough", "bucket_no")):
        assert _both(Measure("m", Count(), TrailingWindow(2)), [], by) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whole_numbers_are_not_divided_as_whole_numbers_in_any_dialect(dialect):
    sql = sql_over_pulse(Measure("m", Sum("passengers") / Count()), "pulse", dialect=dialect)
    division = sqlglot.parse_one(sql, dialect=dialect).find(sqlglot.exp.Div)
    assert division.left.is_type("double", "float")
    assert division.right.this.is_type("double", "float")


def test_a_mean_divides_by_the_rows_that_have_a_value():
    rows = _rows((9, "Bronx", "cash", None, None, 3.0), (9, "Bronx", "cash", None, None, None))
    assert _both(Measure("m", mean("miles")), rows) == [{"m": 3.0}]


def test_a_window_ends_at_the_newest_bucket_of_all_dimensions_not_of_the_filtered_one():
    rows = _rows((10, "Bronx", "cash", True, None, 1.0), (13, "Queens", "cash", True, None, 1.0))
    in_bronx = [Among("borough", ("Bronx",))]
    assert _both(Measure("m", Count(), TrailingWindow(3)), rows, where=in_bronx) == [{"m": 0}]
    assert _both(Measure("m", Count(), TrailingWindow(4)), rows, where=in_bronx) == [{"m": 1}]
    assert _both(Measure("m", Count(), TrailingWindow(1)), rows, where=[*in_bronx, Between(last=12)]) == [{"m": 1}]


def test_a_window_rolls_on_a_time_axis_and_reaches_behind_a_time_filter():
    rows = _rows(*[(n, "Bronx", "cash", True, None, 1.0) for n in (10, 11, 12)])
    found = _both(Measure("m", Count(), TrailingWindow(2)), rows, ("bucket_no",), [Between(first=11)])
    assert sorted((r["bucket_no"], r["m"]) for r in found) == [(11, 2), (12, 2)]


def test_so_far_is_not_narrowed_by_time():
    rows = _rows((10, "Bronx", "cash", True, None, 1.0), (13, "Queens", "cash", True, None, 1.0))
    assert _both(Measure("m", Count(), AllTime()), rows, where=[Between(13, 13)]) == [{"m": 2}]
    assert _both(Measure("m", Count(), ByBucket()), rows, where=[Between(13, 13)]) == [{"m": 1}]


def test_a_borough_in_which_nothing_happened_has_zeros_in_every_bucket():
    rows = _rows((10, "Bronx", "cash", True, None, 1.0), (13, "Queens", "cash", True, None, 1.0))
    found = _both(Measure("m", Count(), ByBucket()), rows, ("borough", "bucket_no"))
    assert {(r["borough"], r["bucket_no"]): r["m"] for r in found} == {
        ("Bronx", 10): 1,
        ("Bronx", 13): 0,
        ("Queens", 10): 0,
        ("Queens", 13): 1,
    }


def test_text_with_quotes_is_a_value_and_not_sql():
    rows = _rows((10, "O'Hare\\", "cash", True, None, 1.0))
    assert _both(Measure("m", Count()), rows, where=[Among("borough", ("O'Hare\\",))]) == [{"m": 1}]
    assert _both(Measure("m", Count()), rows, where=[Among("borough", ("x' OR '1'='1",))]) == [{"m": 0}]


@pytest.mark.parametrize("aggregate", [Count(), CountIf("tp"), Sum("fare"), Min("miles")], ids=lambda a: a.name)
def test_the_spark_text_of_an_aggregate_is_what_the_rendering_computes(aggregate):
    rows = _rows((10, "Bronx", "cash", True, None, 1.5), (10, "Bronx", "cash", None, None, -1.0))
    with database(rows, pulse_of([rows], [Measure("m", aggregate)]), [Measure("m", aggregate)]) as connection:
        for text, table in ((aggregate.sql, "predictions"), (aggregate.merge_sql, "pulse")):
            sql = sqlglot.transpile(f"SELECT {text} AS v FROM {table}", read="spark", write="duckdb")[0]
            assert answers(connection, sql) == [{"v": aggregate.of_rows(rows)}]
