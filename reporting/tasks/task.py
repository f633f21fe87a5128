"""What a task is: the kind of question a model answers, and all that follows from it. No task in particular.

A task is frozen data that a use case's `Model` holds. Whoever needs something that differs from task to task asks it
for that: the pipeline for the scored columns, training for its evaluation, the report for its blocks, the terminal for
its numbers. One file for each task says all of it. To add one: a subclass of `Task` here described, in any package.

All SQL in here is Spark SQL that DuckDB runs too, once translated by sqlglot.
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
"""Fewer labelled events than this say nothing about a model."""


@dataclass(frozen=True)
class ScoredColumn(Column):
    """A column that a task adds to a scored event; without `sql` it is the estimator's answer itself or the outcome."""

    sql: str = ""


@dataclass(frozen=True)
class Figure:
    """A number by which a model is compared in the terminal: `name` in a Quality, `label` for people, and its format.

    `close` is the format where two are compared that may differ by little.
    """

    name: str
    label: str
    format: str = "{:.3f}"
    close: str = "{:,.4f}"

    def text(self, value: float | None) -> str:
        """Empty for None."""
        return "" if value is None else self.format.format(value)


@dataclass(frozen=True)
class Quality:
    """How good a model was over `known` events whose outcome is known. A figure of nothing is None."""

    known: int
    figures: Mapping[str, float | None]

    def __getitem__(self, name: str) -> float | None:
        return self.figures[name]

    def metrics(self) -> dict[str, float]:
        """Those that have a value: for the registry."""
        return {name: float(value) for name, value in self.figures.items() if value is not None}


@dataclass(frozen=True)
class Parameter:
    """What somebody who looks at a report can choose, and measures follow: a table that is related to no other.

    `choices` are whole percents, `start` the one that holds while none is chosen.
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
    """What a derived measure may ask of the place it is worked out in: a group of a visual, under filters."""

    def counts_by(self, dimension: str, measures: tuple[Measure, ...]) -> Mapping[int, Mapping[str, Value]]:
        """Values of measures so far by their name, by the order of a dimension's value."""
        ...

    def chosen(self, parameter: str) -> int:
        """What is chosen of a parameter, or its start."""
        ...


class TaskMeasure(Protocol):
    """A derived measure that a task brings. See `livegold.reporting.semantic` for those that any use case can have."""

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
        """A dimension and the measures whose values by it this one is made of."""
        ...

    def dax(self, push: bool) -> str: ...
    def answer(self, at: Surroundings) -> Value: ...


@dataclass(frozen=True)
class Task:
    """Base of all tasks."""

    answers: ClassVar[Answer]
    """What the task wants of an estimator: the probability of the positive outcome, or a number."""
    answer: ClassVar[str]
    """The scored column that an estimator's scorer adds, a double."""
    headline: ClassVar[str]
    """Name of the figure by which two models are compared; "baseline" is its value without a model."""
    baseline: ClassVar[str]
    """What the baseline is, in words."""
    less_is_better: ClassVar[bool] = False
    figures: ClassVar[tuple[Figure, ...]]
    """In the order in which people read them."""
    sums: ClassVar[Mapping[str, str]]
    """Sums over scored rows, as SQL, that `quality` is made of. Additive: those of two tables may be added."""
    shown: ClassVar[tuple[str, ...]]
    """The scored columns that are worth seeing of a single prediction."""

    @property
    def name(self) -> str:
        """What people call the task."""
        return type(self).__name__

    # ---- what is scored ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[ScoredColumn, ...]:
        """The scored columns in gold's order; each may use the answer, the outcome, and those before it."""
        raise NotImplementedError

    @property
    def outcome_type(self) -> str:
        """Spark SQL type of the outcome."""
        return next(c.type for c in self.columns if c.name == "outcome")

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Dimensions that every use case of the task has."""
        return ()

    @property
    def dimension_sql(self) -> Mapping[str, str]:
        """The SQL of each of `dimensions`."""
        return {}

    @property
    def comparisons(self) -> Mapping[str, str]:
        """The SQL of what is added to rows that have the answer and the outcome; each may use those before it."""
        return {**{c.name: c.sql for c in self.columns if c.sql}, **self.dimension_sql}

    # ---- how good it is ----------------------------------------------------------------------------------------------

    def evaluation_sql(self, scored: str) -> str:
        """One row over a relation of scored rows with a known outcome: the columns that `quality` wants."""
        return f"SELECT {_listed(self.sums)} FROM {scored}"

    def quality(self, sums: Mapping[str, Any]) -> Quality:
        """Of what `evaluation_sql` gives, or of `sums` alone."""
        raise NotImplementedError

    def better(self, new: Quality, old: Quality) -> bool:
        mine, theirs = new[self.headline], old[self.headline]
        if mine is None or theirs is None:
            return mine is not None
        return mine < theirs if self.less_is_better else mine > theirs

    def compared(self, quality: Quality) -> str:
        """The headline, to stand beside that of another model: `accuracy 71.23%`."""
        figure = next(f for f in self.figures if f.name == self.headline)
        value = quality[self.headline]
        return f"{figure.label} {'unknown' if value is None else figure.close.format(value)}"

    def history_sql(self, rows: str) -> str:
        """One row over a relation with `label`, the outcome as a double: what `too_little` is decided by."""
        raise NotImplementedError

    def too_little(self, part: str, found: Mapping[str, Any], whole: bool) -> str | None:
        """Why a part of history, or the `whole`, is too little or too one-sided to learn from; None if it is not."""
        raise NotImplementedError

    # ---- what is measured and shown ----------------------------------------------------------------------------------

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The standard measures of the task, over all time."""
        raise NotImplementedError

    def measure(self, name: str, minutes: int | None = None, description: str | None = None) -> Measure:
        """A standard measure by its name; over the last `minutes`, if given, and named so."""
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
        """Aggregates that `derived_measures` read, which some measure of the use case must bring."""
        return ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What can be chosen in a report besides values of dimensions."""
        return ()

    @property
    def blocks(self) -> Mapping[type[Block], str]:
        """The blocks that only this task can fill, and what each says to somebody who cannot see it."""
        return {}

    def model_rows(self, case: UseCase) -> tuple[Row, ...]:
        """Rows of the page on the model, for a use case that declares no pages; of measures that it has."""
        raise NotImplementedError

    def simulated(self, counts: np.ndarray, draw: np.random.Generator) -> dict[str, np.ndarray]:
        """Of so many made-up events each, how many have each of the boolean columns, as they must fit together."""
        raise NotImplementedError

    # ---- how it reads ------------------------------------------------------------------------------------------------

    def said(self, prediction: Mapping[str, Any]) -> str:
        """One prediction in words; it has the columns `shown`."""
        raise NotImplementedError

    def sentence(self, quality: Mapping[str, float | None]) -> str:
        """The headline and its baseline: `accuracy 71.2%, majority-class baseline 53.0%`."""
        raise NotImplementedError

    def breakdown(self, quality: Mapping[str, float | None]) -> list[list[str]]:
        """A small table below the figures, its first row and column being headings; empty for none."""
        return []


def _listed(expressions: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in expressions.items())


def has(case: UseCase, names: Sequence[str]) -> bool:
    """Whether a use case has measures of these names."""
    own = {m.name for m in case.measures}
    return all(name in own for name in names)
