"""A champion applied to events, and what the task makes of its answers. Not for training or finding it."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from livegold.reporting.specification import UseCase
from livegold.reporting.tasks import Task
from livegold.streams.models.estimators import Fitted


@dataclass(frozen=True)
class Scorer:
    """A model with its version in the registry."""

    version: str
    model: Fitted

    def score(self, frame: DataFrame) -> DataFrame:
        """`frame` with the task's answer, from the feature columns."""
        return self.model.score(frame)


def scored(task: Task, frame: DataFrame, outcome: str) -> DataFrame:
    """`frame`, which has the task's answer, and the task's other columns and dimensions. `outcome` is SQL."""
    for layer in task.layers(outcome):
        frame = frame.withColumns({name: F.expr(sql) for name, sql in layer.items()})
    return frame


def labelled(case: UseCase, frame: DataFrame) -> DataFrame:
    """`frame` (with the answer, event columns, event_time, arrival), the scored columns, and whether it came late."""
    late = F.unix_micros("arrival") - F.unix_micros("event_time") > case.late_after_seconds * 1_000_000
    return scored(case.model.task, frame, case.model.outcome).withColumn("late", late)
