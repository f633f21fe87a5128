"""The columns next to a model's prediction: the outcome, the comparison of both, the bands. Not for predicting."""

from __future__ import annotations

from functools import lru_cache

from livegold.reporting.pipeline.dialect import cast
from livegold.reporting.pipeline.query import Steps, in_steps
from livegold.reporting.schema import ARRIVAL, EVENT_TIME, LATE
from livegold.reporting.specification import UseCase
from livegold.reporting.tasks import Task


@lru_cache(maxsize=64)
def scored_columns(task: Task, outcome: str) -> Steps:
    """Everything a task derives from a prediction and `outcome`, SQL for the actual outcome (null while unknown).

    Needs the task's answer column and the columns `outcome` uses. Cached, because every batch asks for it.
    """
    own = ("outcome", cast(f"({outcome})", task.outcome_type))
    return in_steps([own, *task.comparisons.items()])


def labelled_columns(case: UseCase) -> Steps:
    """Everything derived from a prediction and its event: `scored_columns`, and whether the event was late.

    Needs what `scored_columns` needs, event_time and arrival.
    """
    late = f"unix_micros({ARRIVAL}) - unix_micros({EVENT_TIME}) > {case.late_after_seconds * 1_000_000}"
    first, *rest = scored_columns(case.task, case.model.outcome)
    return ({**first, LATE: late}, *rest)
