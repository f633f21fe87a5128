"""Trains a use case's model on labelled history and evaluates it on the newest part. Does not store or apply it.

History goes through the same cleansing as the stream. The split is by time: the model is evaluated on events later
than all those it was trained on, against a baseline that needs no model. The use case determines how: its task defines
what is good and how much history is enough, and its estimator learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from livegold.reporting.errors import WrongUse
from livegold.reporting.pipeline import scored_columns
from livegold.reporting.specification import UseCase
from livegold.reporting.tasks import Quality
from livegold.streams.cleanse import Cleanser
from livegold.streams.models.estimators import Fitted, learner_of
from livegold.streams.plan import with_steps

NEWEST_SHARE = 0.2


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on the newest part of its history; the counts are events."""

    trained_on: int
    evaluated_on: int
    newest_from: datetime
    quality: Quality

    def metrics(self) -> Mapping[str, float]:
        """For the registry."""
        own = {**self.quality.metrics(), "newest_from": self.newest_from.replace(tzinfo=UTC).timestamp()}
        return own | {"trained_on": float(self.trained_on), "evaluated_on": float(self.evaluated_on)}


def training_rows(case: UseCase, events: DataFrame) -> DataFrame:
    """Valid events with a known outcome, one for each key: event_time, features and `label`, the outcome as a double.

    `events` has the columns of `raw_events`.
    """
    cleanser = Cleanser(case)
    # Historical times are taken as they are: only a live event can be too far in the future.
    valid = cleanser.validated(events).where("ok").withColumn("label", F.expr(f"double({case.model.outcome})"))
    rows = valid.where("label IS NOT NULL").dropDuplicates(["event_id"])
    return rows.select("event_id", F.col(case.event_time).alias("event_time"), *cleanser.feature_columns, "label")


def train(case: UseCase, rows: DataFrame) -> tuple[Fitted, Evaluation]:
    """A model fitted to the older part of `rows` (see `training_rows`) and its evaluation on the newest.

    Raises WrongUse, with the counts, if the history is too little for the task, and what the estimator raises.
    """
    rows = rows.persist()
    try:
        _refuse_too_little(case, rows, "the history", whole=True)
        boundary = _boundary(rows)
        older, newest = rows.where(F.col("event_time") < boundary), rows.where(F.col("event_time") >= boundary)
        for part, name in ((older, "the older part"), (newest, "the newest part")):
            _refuse_too_little(case, part, name, whole=False)
        model = learner_of(case).fit(older.orderBy("event_time", "event_id"))
        return model, evaluate(case, model, rows, boundary, older.count())
    finally:
        rows.unpersist()


def evaluate(case: UseCase, model: Fitted, rows: DataFrame, boundary: datetime, trained_on: int = 0) -> Evaluation:
    """How good a model is on the part of `rows` (see `training_rows`) from `boundary` on, so that two models can be
    compared on the same events.

    `trained_on`, the number of events the model was trained on, is only passed through.
    """
    task = case.model.task
    newest = model.score(rows.where(F.col("event_time") >= boundary)).select(task.answer, "label")
    found = with_steps(newest, scored_columns(task, "label")).persist()
    try:
        quality = task.quality(_row(task.evaluation_sql("{rows}"), found))
        return Evaluation(trained_on, found.count(), boundary, quality)
    finally:
        found.unpersist()


def _boundary(rows: DataFrame) -> datetime:
    """The event time from which the newest part begins."""
    found = rows.agg(F.percentile(F.unix_micros("event_time"), F.lit(1 - NEWEST_SHARE))).first()
    assert found is not None
    return datetime.fromtimestamp(found[0] / 1_000_000, tz=UTC)


def _refuse_too_little(case: UseCase, rows: DataFrame, part: str, whole: bool) -> None:
    task = case.model.task
    refused = task.too_little(part, _row(task.history_sql("{rows}"), rows), whole)
    if refused:
        raise WrongUse(f"use case {case.name}: {refused}")


def _row(query: str, rows: DataFrame) -> Mapping[str, Any]:
    """The only row of a query over `{rows}`."""
    found = rows.sparkSession.sql(query, rows=rows).first()
    assert found is not None
    return found.asDict()
