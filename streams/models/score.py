"""Applies a champion to events and derives the task's columns from its answers. Does not train or find it."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from livegold.reporting.pipeline import labelled_columns
from livegold.reporting.specification import UseCase
from livegold.streams.models.estimators import Fitted
from livegold.streams.plan import with_steps


@dataclass(frozen=True)
class Scorer:
    """A model and its version in the registry."""

    version: str
    model: Fitted

    def score(self, frame: DataFrame) -> DataFrame:
        """`frame` with the task's answer, from the feature columns."""
        return self.model.score(frame)


def labelled(case: UseCase, frame: DataFrame) -> DataFrame:
    """`frame` (with the answer, event columns, event_time, arrival) with all columns derived from these."""
    return with_steps(frame, labelled_columns(case))
