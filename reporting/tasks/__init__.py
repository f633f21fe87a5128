"""Tasks: the kind of question a model answers, and everything that follows from it. One file per task."""

from livegold.reporting.tasks.binary import AtCutOff, Binary
from livegold.reporting.tasks.regression import Regression
from livegold.reporting.tasks.task import (
    MIN_ROWS,
    Figure,
    Parameter,
    Quality,
    ScoredColumn,
    Surroundings,
    Task,
    TaskMeasure,
)

__all__ = [
    "MIN_ROWS",
    "AtCutOff",
    "Binary",
    "Figure",
    "Parameter",
    "Quality",
    "Regression",
    "ScoredColumn",
    "Surroundings",
    "Task",
    "TaskMeasure",
]
