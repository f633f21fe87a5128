"""What a task says in SQL is what it says in words: scored columns and quality, in DuckDB, against plain Python."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from livegold.reporting.cli.view import evaluation
from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures import CountIf
from livegold.reporting.pipeline import for_duckdb, scored_columns
from livegold.reporting.tasks import AtCutOff, Binary, Quality, Regression, Task
from taxi_variants import TIP

OUTCOME = "CASE WHEN known THEN came END"
scores = st.sampled_from([0.0, 0.1, 0.15, 0.3, 0.499999, 0.5, 0.7, 0.9, 1.0]) | st.floats(0, 1, allow_subnormal=False)
numbers = st.sampled_from([-3.0, 0.0, 1.0, 2.5, 4.0]) | st.floats(-50, 50, allow_subnormal=False)
DB = duckdb.connect(config={"threads": 1})
BINARY = Binary("late", "on time", threshold=0.3)
REGRESSION = Regression(tolerance=1.5, edges=(0.0, 2.5, 10.0))


@cache
def queries(task: Task) -> tuple[str, str]:
    """The task's SQL over the table `rows`: scored rows, and the evaluation of those with a known outcome."""
    relation = "rows"
    for step in scored_columns(task, OUTCOME):
        added = ", ".join(f"({for_duckdb(sql)}) AS {name}" for name, sql in step.items())
        relation = f"(SELECT *, {added} FROM {relation})"
    known = f"(SELECT * FROM {relation} WHERE outcome IS NOT NULL) AS known"
    return f"SELECT * FROM {relation} ORDER BY place", for_duckdb(task.evaluation_sql(known))


def scored(task: Task, rows: list[tuple[float, Any, bool]]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Rows of (answer, came, known) with the task's columns, and what evaluation finds in those that are known."""
    kind = pa.bool_() if task.outcome_type == "boolean" else pa.float64()
    answers, came, known = ([row[n] for row in rows] for n in range(3))
    columns = [pa.array(answers, pa.float64()), pa.array(came, kind), pa.array(known, pa.bool_())]
    table = pa.table([pa.array(range(len(rows))), *columns], ["place", task.answer, "came", "known"])
    of_rows, of_quality = queries(task)
    with DB.cursor() as db:
        db.register("rows", table)
        made = db.sql(of_rows).to_arrow_table().to_pylist()
        (row,) = db.sql(of_quality).to_arrow_table().to_pylist()
    return made, row


def band(score: float) -> str:
    low = min(int(score * 10), 9) * 10
    return f"{low}-{low + 10}%"


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(scores, st.booleans(), st.booleans()), max_size=30))
def test_the_columns_of_a_binary_task_are_those_of_its_threshold_and_the_outcome(
    rows: list[tuple[float, bool, bool]],
) -> None:
    made, _ = scored(BINARY, rows)
    for (score, came, known), row in zip(rows, made, strict=True):
        says = score >= 0.3
        assert row["predicted"] is says
        assert row["outcome"] is (came if known else None)
        cells = {"tp": says and came, "fp": says and not came, "tn": not says and not came, "fn": not says and came}
        assert {c: row[c] for c in cells} == {c: known and value for c, value in cells.items()}
        assert row["expected"] == (score if known else None)
        assert row["expected_variance"] == (pytest.approx(score * (1 - score)) if known else None)
        assert row["unknown"] is not known
        assert row["score_band"] == band(score)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(scores, st.booleans(), st.just(True)), max_size=40))
def test_the_quality_of_a_binary_task_counts_pairs_and_cells(rows: list[tuple[float, bool, bool]]) -> None:
    _, sums = scored(BINARY, rows)
    quality = BINARY.quality(sums)
    says = [score >= 0.3 for score, _, _ in rows]
    came = [c for _, c, _ in rows]
    right = sum(s == c for s, c in zip(says, came, strict=True))
    assert quality.known == len(rows)
    assert quality["accuracy"] == (right / len(rows) if rows else None)
    assert quality["baseline"] == (max(sum(came), len(rows) - sum(came)) / len(rows) if rows else None)
    called = [c for s, c in zip(says, came, strict=True) if s]
    assert quality["precision"] == (sum(called) / len(called) if called else None)
    assert quality["recall"] == (sum(called) / sum(came) if any(came) else None)
    yes, no = [s for s, c, _ in rows if c], [s for s, c, _ in rows if not c]
    pairs = [1.0 if p > n else 0.5 if p == n else 0.0 for p in yes for n in no]
    assert quality["auc"] == (pytest.approx(sum(pairs) / len(pairs)) if pairs else None)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(numbers, numbers, st.booleans()), max_size=30))
def test_the_columns_of_a_regression_are_the_error_and_what_it_is_summed_as(
    rows: list[tuple[float, float, bool]],
) -> None:
    made, _ = scored(REGRESSION, rows)
    for (predicted, came, known), row in zip(rows, made, strict=True):
        error = predicted - came if known else None
        assert row["outcome"] == (came if known else None)
        assert row["error"] == error
        assert row["absolute_error"] == (None if error is None else abs(error))
        assert row["squared_error"] == (None if error is None else error * error)
        assert row["within"] is (error is not None and abs(error) <= 1.5)
        assert row["expected"] == (predicted if known else None)
        assert row["unknown"] is not known
        places = sum(predicted >= edge for edge in (0.0, 2.5, 10.0))
        assert row["predicted_band"] == ("below 0", "0 to 2.5", "2.5 to 10", "10 and more")[places]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(numbers, numbers, st.just(True)), max_size=40))
def test_the_quality_of_a_regression_is_that_of_its_errors(rows: list[tuple[float, float, bool]]) -> None:
    _, sums = scored(REGRESSION, rows)
    quality = REGRESSION.quality(sums)
    if not rows:
        assert quality == Quality(0, dict.fromkeys(quality.figures))
        return
    n, errors, came = len(rows), [p - c for p, c, _ in rows], [c for _, c, _ in rows]
    mean = sum(came) / n
    assert quality.known == n
    assert quality["mae"] == pytest.approx(sum(map(abs, errors)) / n, abs=1e-9)
    assert quality["rmse"] == pytest.approx(math.sqrt(sum(e * e for e in errors) / n), abs=1e-9)
    assert quality["bias"] == pytest.approx(sum(errors) / n, abs=1e-9)
    assert quality["within"] == sum(abs(e) <= 1.5 for e in errors) / n
    # From sums of squares: what is left of nearly equal ones is rounded.
    assert quality["baseline"] == pytest.approx(math.sqrt(sum((c - mean) ** 2 for c in came) / n), abs=1e-4)


@pytest.mark.parametrize("task", [BINARY, REGRESSION])
def test_sums_of_two_tables_add_up_to_those_of_both(task: Task) -> None:
    came: list[Any] = [True, False, False] if task is BINARY else [0.5, 3.0, 9.0]
    first = [(0.1, came[0], True), (0.8, came[1], True), (0.4, came[2], False)]
    second = [(0.9, came[0], True), (0.2, came[2], True)]
    one, other, both = (scored(task, rows)[1] for rows in (first, second, first + second))
    assert {n: one[n] + other[n] for n in task.sums} == pytest.approx({n: both[n] for n in task.sums})


def test_the_better_of_two_is_the_more_accurate_and_the_less_wrong() -> None:
    good, bad = (Quality(1, {"accuracy": a, "rmse": a}) for a in (0.8, 0.7))
    nothing = Quality(0, {"accuracy": None, "rmse": None})
    assert [BINARY.better(good, bad), BINARY.better(bad, good), BINARY.better(good, good)] == [True, False, False]
    assert [REGRESSION.better(good, bad), REGRESSION.better(bad, good)] == [False, True]
    for task in (BINARY, REGRESSION):
        assert [task.better(good, nothing), task.better(nothing, good)] == [True, False]


@pytest.mark.parametrize(
    ("task", "found", "whole", "said"),
    [
        (BINARY, {"positive": 150, "negative": 100}, True, None),
        (
            BINARY,
            {"positive": 100, "negative": 99},
            True,
            "199 events with a known outcome, 100 'late' and 99",
        ),
        (BINARY, {"positive": 100, "negative": 99}, False, None),
        (BINARY, {"positive": 900, "negative": 19}, False, "900 'late' and 19 'on time'"),
        (REGRESSION, {"n": 200, "different": 10}, True, None),
        (REGRESSION, {"n": 199, "different": 50}, True, "199 events with a known outcome and 50 different"),
        (REGRESSION, {"n": 500, "different": 9}, False, "9 different"),
    ],
)
def test_too_little_history_is_refused_with_what_there_is(
    task: Task, found: dict[str, int], whole: bool, said: str | None
) -> None:
    refused = task.too_little("the history", found, whole)
    assert (refused is None) is (said is None)
    assert said is None or said in str(refused)


def test_predictions_and_qualities_read_as_people_say_them() -> None:
    assert BINARY.said({"predicted": True, "score": 0.712}) == "late with probability 71.2%"
    assert REGRESSION.said({"predicted": 3.2}) == "predicted 3.20"
    assert BINARY.sentence({"accuracy": 0.71, "baseline": 0.5}) == "accuracy 71.0%, majority-class baseline 50.0%"
    assert REGRESSION.sentence({"rmse": 1.5, "baseline": 2}) == "RMSE 1.50, always the mean 2.00"
    table = BINARY.breakdown({"tp": 1000, "fp": 2, "tn": 3, "fn": 4})
    assert table == [["", "was late", "was on time"], ["said late", "1,000", "2"], ["said on time", "4", "3"]]


def test_a_standard_measure_can_be_had_over_a_window_and_by_no_other_name() -> None:
    measure = BINARY.measure("Precision", 5)
    assert (measure.name, measure.scope.minutes) == ("Precision, last 5 min", 5)  # type: ignore[attr-defined]
    with pytest.raises(SpecificationError, match="measure is 'Precison': give Accuracy, Baseline"):
        BINARY.measure("Precison")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Binary("yes", "no", threshold=0), "threshold is 0: give a number between 0 and 1"),
        (lambda: Binary(" ", "no"), "positive is blank"),
        (lambda: Regression(0, (1.0,)), "tolerance is 0: give a number above 0"),
        (lambda: Regression(1, ()), "edges are ()"),
        (lambda: Regression(1, (2.0, 1.0)), "edges are (2.0, 1.0): give 1 to 19 rising numbers"),
        (lambda: AtCutOff("x", CountIf("late") / CountIf("tp")), "give CountIf of tp, fp, tn or fn"),
    ],
)
def test_a_task_that_cannot_be_is_refused(make: Any, said: str) -> None:
    with pytest.raises(SpecificationError) as refused:
        make()
    assert said in str(refused.value)


def test_what_a_use_case_has_follows_from_its_task() -> None:
    predictions = [c.name for c in TIP.prediction_columns]
    assert {c.name for c in TIP.model.task.columns} <= set(predictions)
    assert not {"score", "tp", "score_band"} & set(predictions)
    assert "predicted_band" in [d.name for d in TIP.all_dimensions]
    assert {"predicted", "outcome", "error"} <= {c.name for c in TIP.spotlight_columns}
    assert {"squared_error_sum", "within", "outcome_count"} <= {c.name for c in TIP.pulse_columns}


@pytest.mark.parametrize(
    ("task", "sums", "lines"),
    [
        (
            BINARY,
            {"tp": 60, "fp": 10, "tn": 20, "fn": 10, "auc": 0.75},
            [
                ["accuracy", "80.0%", "70.0%", "80.0%"],
                ["AUC", "0.750", "0.750"],
                ["said", "late", "60", "10"],
                ["said", "on", "time", "10", "20"],
            ],
        ),
        (
            REGRESSION,
            dict(n=4, error=2, absolute_error=4, squared_error=16, outcome=8, outcome_squared=32, within=3),
            [["RMSE", "2.000", "2.000", "2.000"], ["bias", "+0.500", "+0.500"], ["R²", "0.000", "0.000"]],
        ),
    ],
)
def test_what_training_found_reads_in_the_terminal_as_the_task_has_it(
    task: Task, sums: dict[str, float], lines: list[list[str]]
) -> None:
    found = task.quality(sums).metrics() | {"evaluated_on": 100.0, "trained_on": 400.0}
    said = {"version": "2", "use_case": "made", "promoted": True, "why": "better", "history": "raw"}
    terminal = Console(record=True, width=100, file=io.StringIO())
    terminal.print(evaluation({**found, **said, "champion": {"version": "1", **found}}, task))
    shown = [line.split() for line in terminal.export_text().splitlines()]
    assert [line for line in lines if line not in shown] == []
