"""Trains a use case's model on labelled history and evaluates it on the newest part. Not for storing or applying it.

History goes through the same cleansing as the stream. The split is by time: the model is evaluated on what came after
everything it has learnt from, beside the answer that needs no model, always saying the more frequent one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import DecisionTreeClassifier
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from livegold.reporting.errors import WrongUse
from livegold.reporting.specification import UseCase
from livegold.streams.cleanse import Cleanser
from livegold.streams.models.score import Scorer

NEWEST_SHARE = 0.2
MIN_ROWS = 200
"""Fewer labelled events than this say nothing about a model."""
MIN_OF_EACH = 20
"""Events that each answer needs, in the older and in the newest part."""


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on the newest part of its history; shares are 0 to 1, counts are events."""

    trained_on: int
    evaluated_on: int
    newest_from: datetime
    tp: int
    fp: int
    tn: int
    fn: int
    auc: float

    @property
    def accuracy(self) -> float:
        return (self.tp + self.tn) / self.evaluated_on

    @property
    def baseline(self) -> float:
        """Accuracy of the majority-class baseline."""
        positive = (self.tp + self.fn) / self.evaluated_on
        return max(positive, 1 - positive)

    @property
    def precision(self) -> float:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def recall(self) -> float:
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp + self.fp + self.fn else 0.0

    def metrics(self) -> Mapping[str, float]:
        """For the registry."""
        names = ("accuracy", "baseline", "precision", "recall", "f1", "auc", "tp", "fp", "tn", "fn")
        own = {name: float(getattr(self, name)) for name in names}
        own["newest_from"] = self.newest_from.replace(tzinfo=UTC).timestamp()
        return own | {"trained_on": float(self.trained_on), "evaluated_on": float(self.evaluated_on)}


def training_rows(case: UseCase, events: DataFrame) -> DataFrame:
    """Valid events with a known outcome, one for each key: event_time, features and `label` (0.0 or 1.0).

    `events` has the columns of `raw_events`.
    """
    cleanser = Cleanser(case)
    # Times of history are what they are: only a live event can be too far in the future.
    valid = cleanser.validated(events).where("ok").withColumn("label", F.expr(f"double({case.model.outcome})"))
    rows = valid.where("label IS NOT NULL").dropDuplicates(["event_id"])
    return rows.select("event_id", F.col(case.event_time).alias("event_time"), *cleanser.feature_columns, "label")


def train(case: UseCase, rows: DataFrame) -> tuple[PipelineModel, Evaluation]:
    """A tree trained on the older part of `rows` (see `training_rows`) and its evaluation on the newest.

    Raises WrongUse, with the counts, for too little or one-sided history.
    """
    rows = rows.persist()
    try:
        counts = _counts(rows)
        if sum(counts) < MIN_ROWS or min(counts) < MIN_OF_EACH:
            raise WrongUse(_refusal(case, counts, "the history"))
        boundary = _boundary(rows)
        older, newest = rows.where(F.col("event_time") < boundary), rows.where(F.col("event_time") >= boundary)
        for part, name in ((older, "the older part"), (newest, "the newest part")):
            part_counts = _counts(part)
            if min(part_counts) < MIN_OF_EACH:
                raise WrongUse(_refusal(case, part_counts, name))
        features = Cleanser(case).feature_columns
        assembler = VectorAssembler(inputCols=features, outputCol="features")
        tree = DecisionTreeClassifier(maxDepth=case.model.max_depth, minInstancesPerNode=MIN_OF_EACH, seed=1)
        model = Pipeline(stages=[assembler, tree]).fit(older.orderBy("event_time", "event_id").coalesce(1))
        return model, _evaluate(case, model, older.count(), newest, boundary)
    finally:
        rows.unpersist()


def _boundary(rows: DataFrame) -> datetime:
    """The event time from which on the newest part begins."""
    found = rows.agg(F.percentile(F.unix_micros("event_time"), F.lit(1 - NEWEST_SHARE))).first()
    assert found is not None
    return datetime.fromtimestamp(found[0] / 1_000_000, tz=UTC)


def _counts(rows: DataFrame) -> tuple[int, int]:
    """How many events have the negative and the positive outcome."""
    found = rows.agg(F.count_if(F.col("label") == 0.0), F.count_if(F.col("label") == 1.0)).first()
    assert found is not None
    return int(found[0]), int(found[1])


def _refusal(case: UseCase, counts: tuple[int, int], part: str) -> str:
    return (
        f"use case {case.name}: {part} has {sum(counts)} events with a known outcome, "
        f"{counts[1]} {case.model.positive!r} and {counts[0]} {case.model.negative!r}: give a history of "
        f"{MIN_ROWS} or more with at least {MIN_OF_EACH} of each in its older and its newest part"
    )


def evaluate(case: UseCase, model: Scorer, rows: DataFrame, boundary: datetime, trained_on: int = 0) -> Evaluation:
    """How good a model is on the part of `rows` (see `training_rows`) from `boundary` on: to compare two on the same
    events.

    `trained_on` is only passed on: the events that the model learnt from.
    """
    return _measured(case, model.score(rows.where(F.col("event_time") >= boundary)), trained_on, boundary)


def _evaluate(
    case: UseCase, model: PipelineModel, trained_on: int, newest: DataFrame, boundary: datetime
) -> Evaluation:
    scored = model.transform(newest).withColumn("score", vector_to_array(F.col("probability"))[1])
    return _measured(case, scored, trained_on, boundary)


def _measured(case: UseCase, scored: DataFrame, trained_on: int, boundary: datetime) -> Evaluation:
    """Of `scored` rows, with `score` and `label`."""
    scored = scored.select("score", "label").persist()
    try:
        yes, known = F.col("score") >= case.model.threshold, F.col("label") == 1.0
        cells = scored.agg(
            F.count("*"),
            F.count_if(yes & known),
            F.count_if(yes & ~known),
            F.count_if(~yes & ~known),
            F.count_if(~yes & known),
        ).first()
        assert cells is not None
        auc = BinaryClassificationEvaluator(rawPredictionCol="score").evaluate(scored)
        return Evaluation(trained_on, cells[0], boundary, cells[1], cells[2], cells[3], cells[4], float(auc))
    finally:
        scored.unpersist()
