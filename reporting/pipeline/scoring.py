"""What stands beside a model's answer: the outcome, how the two compare, the bands. Not for how a model answers."""

from __future__ import annotations

from functools import lru_cache

from livegold.reporting.pipeline.dialect import cast
from livegold.reporting.pipeline.query import Steps, in_steps
from livegold.reporting.schema import ARRIVAL, EVENT_TIME, LATE
from livegold.reporting.specification import UseCase
from livegold.reporting.tasks import Task


@lru_cache(maxsize=64)
def scored_columns(task: Task, outcome: str) -> Steps:
    """Everything that a task makes of an answer and of `outcome`, SQL for what came in the end (null while unknown).

    Needs the task's answer, and what the outcome is told by. Kept, for every batch asks.
    """
    own = ("outcome", cast(f"({outcome})", task.outcome_type))
    return in_steps([own, *task.comparisons.items()])


def labelled_columns(case: UseCase) -> Steps:
    """Everything that an answer and an event together say: `scored_columns`, and whether it came late.

    Needs what `scored_columns` needs, event_time and arrival.
    """
    late = f"unix_micros({ARRIVAL}) - unix_micros({EVENT_TIME}) > {case.late_after_seconds * 1_000_000}"
    first, *rest = scored_columns(case.task, case.model.outcome)
    return ({**first, LATE: late}, *rest)
