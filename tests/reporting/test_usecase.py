"""A use case is checked when it is built, and everything derived from it follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from livegold.reporting.blocks import CutOffSlider
from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures.measure import Count, CountIf, Max, Measure, Sum, TrailingWindow
from livegold.reporting.specification import Page, Row, SparkML, load_use_case
from livegold.reporting.specification.usecase import (
    Check,
    Derived,
    Dimension,
    Feature,
    Field,
    UseCase,
)
from livegold.reporting.tasks import Binary


@pytest.fixture
def case() -> UseCase:
    return load_use_case("taxi_tips")


def changed_model(case: UseCase, **changes: Any) -> dict[str, Any]:
    return {"model": replace(case.model, **changes)}


REFUSED: dict[str, tuple[Any, str]] = {
    "a name with a blank": (lambda c: {"name": "Taxi tips"}, "the use case is named 'Taxi tips'"),
    "no such zone": (lambda c: {"time_zone": "New York"}, "time_zone is 'New York'"),
    "a bucket that does not divide the day": (lambda c: {"bucket_seconds": 7}, "bucket_seconds is 7"),
    "a date that is none": (lambda c: {"earliest": "2009"}, "earliest is '2009'"),
    "a field twice": (lambda c: {"fields": (*c.fields, c.fields[1])}, "field 'pickup' is declared twice"),
    "a type that is none": (
        lambda c: {"fields": (*c.fields, Field("x", "money"))},
        "field 'x' has type 'money': give string, int, double, boolean, timestamp or decimal",
    ),
    "too many digits": (lambda c: {"fields": (*c.fields, Field("x", "decimal(40,2)"))}, "at most 28 digits"),
    "a name livegold uses": (lambda c: {"fields": (*c.fields, Field("score", "double"))}, "livegold uses itself"),
    "a key that is no field": (lambda c: {"event_id": "id"}, "event_id is 'id': give trip_id, pickup"),
    "a key that may be missing": (lambda c: {"event_id": "color"}, "must be a required field of type string"),
    "an event time that is no time": (lambda c: {"event_time": "fare"}, "event_time is 'fare': give pickup, dropoff"),
    "an unknown column in a derived one": (
        lambda c: {"derived": (*c.derived, Derived("x", "double", "fare / miles"))},
        "derived column x uses column 'miles'",
    ),
    "SQL that is none": (
        lambda c: {"checks": (*c.checks, Check("x", "fare >", "?"))},
        "check x: 'fare >' is no Spark SQL expression",
    ),
    "an unknown column in a feature": (
        lambda c: changed_model(c, features=(Feature("x", "speed"),)),
        "feature x uses column 'speed'",
    ),
    "no features": (lambda c: changed_model(c, features=()), "model has no features"),
    "a threshold of one": (lambda c: changed_model(c, task=Binary("yes", "no", 1.0)), "threshold is 1.0"),
    "an estimator that answers something else": (
        lambda c: changed_model(c, estimator=SparkML("LinearRegression")),
        "model estimator is SparkML LinearRegression, which gives no probability, as task Binary needs",
    ),
    "an estimator that is none": (
        lambda c: changed_model(c, estimator=SparkML("LinearSVC")),
        "algorithm is 'LinearSVC': give DecisionTreeClassifier",
    ),
    "a block of another task": (
        lambda c: {
            "pages": (Page("One", (Row((CutOffSlider(),)),)),),
            "states": (),
            **changed_model(c, task=Binary("yes", "no")),
        },
        "is no block that this Binary task can fill: give ConfusionMatrix",
    ),
    "a cut-off measure of counts that no measure has": (
        lambda c: {
            "pages": (),
            "states": (),
            "ratios": (),
            "measures": (Measure("Trips", Count()),),
        },
        "task Binary needs CountIf(column='tp', name='tp') for Precision at cut-off",
    ),
    "a feature that holds the outcome": (
        lambda c: {
            "derived": (*c.derived, Derived("leak", "boolean", "paid_by_card AND tip >= 0.25 * fare")),
            **changed_model(c, features=(*c.model.features, Feature("x", "double(leak)"))),
        },
        "feature x uses 'leak', which holds the outcome",
    ),
    "a dimension on no column": (
        lambda c: {"dimensions": (Dimension("x", "area"),)},
        "dimension 'x' column is 'area'",
    ),
    "a value that differs in case only": (
        lambda c: {"dimensions": (Dimension("kind", "color", ("Green", "green ")),)},
        "'green' is declared twice",
    ),
    "a value livegold adds": (
        lambda c: {"dimensions": (Dimension("kind", "color", ("green", "Other")),)},
        "declares 'other', which livegold adds itself",
    ),
    "a table named Date": (lambda c: {"dimensions": (Dimension("date", "color"),)}, "a table named Date"),
    "a measure on no column": (
        lambda c: {"measures": (Measure("x", Sum("miles")),)},
        "measure 'x' column is 'miles': give event_id, event_time",
    ),
    "a count where a number is": (
        lambda c: {"measures": (Measure("x", CountIf("fare")),)},
        "counts where 'fare': give a boolean column",
    ),
    "a sum of texts": (lambda c: {"measures": (Measure("x", Sum("color")),)}, "takes the sum of 'color'"),
    "two measures of one name": (
        lambda c: {"measures": (Measure("Trips", Count()), Measure("trips", Count()))},
        "measure 'trips' is declared twice",
    ),
    "two aggregates of one name": (
        lambda c: {"measures": (Measure("a", Sum("fare", name="s")), Measure("b", Sum("tip", name="s")))},
        "an aggregate named 's'",
    ),
    "a maximum so far": (
        lambda c: {"measures": (Measure("x", Max("fare")),)},
        "measure 'x': Max('fare') cannot be computed over all time",
    ),
    "a window of half a bucket": (
        lambda c: {"bucket_seconds": 7200, "measures": (Measure("x", Count(), scope=TrailingWindow(15)),)},
        "trend_minutes is 15: give 1 or more that are a multiple of the bucket's 7200 seconds",
    ),
    "an unknown column in the spotlight": (
        lambda c: {"spotlight": replace(c.spotlight, columns=("speed",))},
        "spotlight column is 'speed'",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_with_its_place(what: str, case: UseCase) -> None:
    changes, message = REFUSED[what]
    with pytest.raises(SpecificationError) as refused:
        replace(case, **changes(case))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_derived_tables_follow_from_the_specification(case: UseCase) -> None:
    predictions = [c.name for c in case.prediction_columns]
    assert len(predictions) == len(set(predictions))
    assert {"event_id", "score", "outcome", "borough", "score_band", "model_version"} <= set(predictions)
    assert "trip_id" not in predictions, "the key is there as event_id"
    pulse = {c.name: c.type for c in case.pulse_columns}
    assert pulse["fare_sum"] == "decimal(20,2)"
    assert pulse["events"] == "bigint"
    assert [a.name for a in case.aggregates] == [n for n in pulse if n in {a.name for a in case.aggregates}]
    assert set(case.spotlight.columns) <= {c.name for c in case.spotlight_columns}


def test_the_digest_changes_with_a_check_and_with_nothing_else(case: UseCase) -> None:
    assert load_use_case("taxi_tips").digest == replace(case).digest == case.digest
    assert replace(case, checks=case.checks[1:]).digest != case.digest
