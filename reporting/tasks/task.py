"""The interface of a task: the kind of question a model answers, and everything that follows from it. No concrete task.

A task is frozen data held by a use case's `Model`. Everything that differs from task to task is asked of the task: the
pipeline asks for the scored columns, training for its evaluation, the report for its blocks, the terminal for its
numbers. Each task is one file. To add one, write a subclass of `Task`, in any package.

All SQL in tasks is Spark SQL that DuckDB can also run once sqlglot has translated it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from livegold.reporting.errors import SpecificationError, choices
from livegold.reporting.measures import Aggregate, AllTime, Measure, TrailingWindow, Value
from livegold.reporting.specification import Answer, Block, Column, Dimension, Row, UseCase

if TYPE_CHECKING:
    import numpy as np

MIN_ROWS = 200
"""With fewer labelled events than this, an evaluation says nothing about a model."""


@dataclass(frozen=True)
class ScoredColumn(Column):
    """A column a task adds to a scored event; without `sql` it is the estimator's prediction itself or the outcome."""

    sql: str = ""


@dataclass(frozen=True)
class Figure:
    """A metric by which models are compared in the terminal: its `name` in a Quality, its display `label`, its format.

    `close` is the format for comparing two values that may differ only slightly.
    """

    name: str
    label: str
    format: str = "{:.3f}"
    close: str = "{:,.4f}"

    def text(self, value: float | None) -> str:
        """The formatted value; empty for None."""
        return "" if value is None else self.format.format(value)


@dataclass(frozen=True)
class Quality:
    """How good a model was over `known` events with a known outcome. A figure without data is None."""

    known: int
    figures: Mapping[str, float | None]

    def __getitem__(self, name: str) -> float | None:
        return self.figures[name]

    def metrics(self) -> dict[str, float]:
        """The figures that have a value, for the registry."""
        return {name: float(value) for name, value in self.figures.items() if value is not None}


@dataclass(frozen=True)
class Parameter:
    """A value a report reader can select and measures depend on: a table without relationships.

    `choices` are whole percentages; `start` applies while none is selected.
    """

    name: str
    table: str
    description: str
    choices: tuple[int, ...]
    start: int

    def rows(self) -> list[dict[str, str | int]]:
        """Rows of its table: key, label, order (percent)."""
        return [{"key": f"{p}%", "label": f"{p}%", "order": p} for p in self.choices]


class Surroundings(Protocol):
    """What a derived measure may ask about where it is evaluated: a group of a visual, under filters."""

    def counts_by(self, dimension: str, measures: tuple[Measure, ...]) -> Mapping[int, Mapping[str, Value]]:
        """All-time values of measures by name, keyed by the order of a dimension's value."""
        ...

    def chosen(self, parameter: str) -> int:
        """The selected value of a parameter, or its start."""
        ...


class TaskMeasure(Protocol):
    """A derived measure that a task adds. See `livegold.reporting.semantic` for those available to any use case."""

    folder: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]

    @property
    def name(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def split(self) -> tuple[str, tuple[Measure, ...]]:
        """A dimension, and the measures whose values by that dimension this one is computed from."""
        ...

    def dax(self, push: bool) -> str: ...
    def answer(self, at: Surroundings) -> Value: ...


@dataclass(frozen=True)
class Task:
    """Base of all tasks."""

    answers: ClassVar[Answer]
    """What the task requires of an estimator: the probability of the positive outcome, or a number."""
    answer: ClassVar[str]
    """The scored column that an estimator's scorer adds, a double."""
    headline: ClassVar[str]
    """Name of the figure by which two models are compared; "baseline" is its value without a model."""
    baseline: ClassVar[str]
    """What the baseline is, in words."""
    less_is_better: ClassVar[bool] = False
    figures: ClassVar[tuple[Figure, ...]]
    """In reading order."""
    sums: ClassVar[Mapping[str, str]]
    """Sums over scored rows, as SQL, from which `quality` is computed. Additive: those of two tables may be added."""
    shown: ClassVar[tuple[str, ...]]
    """The scored columns worth showing for a single prediction."""

    @property
    def name(self) -> str:
        """Display name of the task."""
        return type(self).__name__

    # ---- what is scored ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[ScoredColumn, ...]:
        """The scored columns in gold's order; each may use the prediction, the outcome and the columns before it."""
        raise NotImplementedError

    @property
    def outcome_type(self) -> str:
        """Spark SQL type of the outcome."""
        return next(c.type for c in self.columns if c.name == "outcome")

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Dimensions that every use case with this task has."""
        return ()

    @property
    def dimension_sql(self) -> Mapping[str, str]:
        """The SQL of each of `dimensions`."""
        return {}

    @property
    def comparisons(self) -> Mapping[str, str]:
        """The SQL of the columns added to rows with prediction and outcome; each may use those before it."""
        return {**{c.name: c.sql for c in self.columns if c.sql}, **self.dimension_sql}

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def evaluation_sql(self, scored: str) -> str:
        """SQL for one row over a relation of scored rows with a known outcome: the columns `quality` requires."""
        return f"SELECT {_listed(self.sums)} FROM {scored}"

    def quality(self, sums: Mapping[str, Any]) -> Quality:
        """The quality computed from the result of `evaluation_sql`, or from `sums` alone."""
        raise NotImplementedError

    def better(self, new: Quality, old: Quality) -> bool:
        mine, theirs = new[self.headline], old[self.headline]
        if mine is None or theirs is None:
            return mine is not None
        return mine < theirs if self.less_is_better else mine > theirs

    def compared(self, quality: Quality) -> str:
        """The headline, for comparison with that of another model: `accuracy 71.23%`."""
        figure = next(f for f in self.figures if f.name == self.headline)
        value = quality[self.headline]
        return f"{figure.label} {'unknown' if value is None else figure.close.format(value)}"

    def history_sql(self, rows: str) -> str:
        """SQL for one row over a relation with `label` (the outcome as a double): what `too_little` decides on."""
        raise NotImplementedError

    def too_little(self, part: str, found: Mapping[str, Any], whole: bool) -> str | None:
        """Why a part of a history, or the `whole`, is too small or too one-sided to train on; None if it is not."""
        raise NotImplementedError

    # ---- what is measured and shown ----------------------------------------------------------------------------------

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The standard measures of the task, over all time."""
        raise NotImplementedError

    def measure(self, name: str, minutes: int | None = None, description: str | None = None) -> Measure:
        """A standard measure by name; over the last `minutes` if given, which then appear in its name."""
        valid = {m.name: m for m in self.measures}
        if name not in valid:
            raise SpecificationError(f"task {type(self).__name__}: measure is {name!r}: give {choices(valid)}")
        found = valid[name]
        return dataclasses.replace(
            found,
            name=name if minutes is None else f"{name}, last {minutes} min",
            scope=AllTime() if minutes is None else TrailingWindow(minutes),
            description=found.description if description is None else description,
        )

    @property
    def derived_measures(self) -> tuple[TaskMeasure, ...]:
        """Measures of the model that are more than arithmetic over aggregates."""
        return ()

    @property
    def needs(self) -> tuple[Aggregate, ...]:
        """Aggregates read by `derived_measures`, each of which must occur in some measure of the use case."""
        return ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What can be selected in a report besides dimension values."""
        return ()

    @property
    def blocks(self) -> Mapping[type[Block], str]:
        """The blocks that only this task can fill, each with its alternative text."""
        return {}

    def model_rows(self, case: UseCase) -> tuple[Row, ...]:
        """Rows of the default model page, for a use case that declares no pages; uses only measures it has."""
        raise NotImplementedError

    def simulated(self, counts: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
        """For these counts of simulated events, consistent counts of how many have each boolean column true."""
        raise NotImplementedError

    # ---- how it reads ------------------------------------------------------------------------------------------------

    def said(self, prediction: Mapping[str, Any]) -> str:
        """One prediction in words; the prediction has the columns `shown`."""
        raise NotImplementedError

    def sentence(self, quality: Mapping[str, float | None]) -> str:
        """The headline and its baseline: `accuracy 71.2%, majority-class baseline 53.0%`."""
        raise NotImplementedError

    def breakdown(self, quality: Mapping[str, float | None]) -> list[list[str]]:
        """A small table below the figures, with headings in its first row and column; empty for none."""
        return []


def _listed(expressions: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in expressions.items())


def has(case: UseCase, names: Sequence[str]) -> bool:
    """Whether a use case has measures of these names."""
    own = {m.name for m in case.measures}
    return all(name in own for name in names)
