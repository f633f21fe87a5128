"""Defines a use case: one business question as frozen data, from which everything else is derived.

Runs nothing: no Spark, and no I/O except in `load_use_case`. Expressions are Spark SQL text. A `UseCase` is validated
on construction: an unknown column, a duplicate name or an invalid value raises a SpecificationError that names the
place, the value and the valid choices.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlglot
from sqlglot import expressions as exp

from livegold.reporting.errors import SpecificationError, choices
from livegold.reporting.measures import Aggregate, Count, Measure
from livegold.reporting.schema import (
    ARRIVAL,
    BUCKET,
    BUCKET_NO,
    EVENT_ID,
    EVENT_TIME,
    MODEL_VERSION,
    OTHER,
    REPLAY_TIME,
    RESERVED,
    SEVERITY,
    TIME_COLUMNS,
    UNKNOWN,
    WORTH,
    WRITTEN,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.specification.estimators import Estimator
from livegold.reporting.specification.page_checks import check_report
from livegold.reporting.specification.refusals import Refusals

if TYPE_CHECKING:
    from livegold.reporting.semantic import Ratio
    from livegold.reporting.specification.pages import Page, State
    from livegold.reporting.tasks import Task

SIMPLE_TYPES = ("string", "int", "double", "boolean", "timestamp")
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Column:
    """A column of a gold table: name, Spark SQL type, meaning. `format` is used in reports; empty is the type's own."""

    name: str
    type: str
    description: str = ""
    format: str = ""


@dataclass(frozen=True)
class Field:
    """A field of an event's JSON. `aliases` are its names in files (case-insensitive), `codes` its values there."""

    name: str
    type: str
    required: bool = False
    description: str = ""
    aliases: tuple[str, ...] = ()
    codes: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Derived:
    """A column computed for every event, in Spark SQL over fields and earlier derived columns."""

    name: str
    type: str
    sql: str
    description: str = ""


@dataclass(frozen=True)
class Check:
    """A Spark SQL condition that every valid event meets; null passes. `reason` is shown in quarantine."""

    name: str
    sql: str
    reason: str


@dataclass(frozen=True)
class Feature:
    """A numeric input of the model, in Spark SQL over fields and derived columns; never null."""

    name: str
    sql: str


@dataclass(frozen=True)
class Model:
    """What to predict (`task`), what learns to predict it (`estimator`), and from which inputs.

    `outcome` is Spark SQL for the actual outcome: null while unknown, and of the type the task requires.
    """

    task: Task
    estimator: Estimator
    features: tuple[Feature, ...]
    outcome: str


@dataclass(frozen=True)
class Dimension:
    """What the report can be sliced by. `column` is a column of predictions; `name` is the column of its mapped value.

    `values` declares the values in order; without it, values are admitted first come, first served, up to `limit`.
    Comparison ignores case and surrounding whitespace. Any other value becomes "other"; null and blank become
    "unknown".
    """

    name: str
    column: str
    values: tuple[str, ...] | None = None
    limit: int = 50
    description: str = ""

    @property
    def table(self) -> str:
        """Name of the dimension's table in the model: `score_band` becomes `Score Band`."""
        return self.name.replace("_", " ").title()


@dataclass(frozen=True)
class Spotlight:
    """Which predictions are worth seeing individually: `severity` (a number) and `where`, in Spark SQL.

    At most `limit` per batch, the most severe and newest first; `columns` are shown in addition to the standard ones.
    """

    severity: str
    where: str
    columns: tuple[str, ...]
    limit: int = 50


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """One business question. See the module docstring; times are in seconds unless the name says otherwise.

    `trend_minutes` is how far back from the newest bucket the trends of a report reach; None means everything.
    """

    name: str
    question: str
    entity: str
    fields: tuple[Field, ...]
    event_time: str
    model: Model
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]
    spotlight: Spotlight
    description: str = ""
    ratios: tuple[Ratio, ...] = ()
    states: tuple[State, ...] = ()
    pages: tuple[Page, ...] = ()
    trend_minutes: int | None = None
    event_id: str | None = None
    time_zone: str = "UTC"
    derived: tuple[Derived, ...] = ()
    checks: tuple[Check, ...] = ()
    bucket_seconds: int = 60
    earliest: str = "2000-01-01"
    future_tolerance_seconds: int = 300
    late_after_seconds: int = 300
    duplicates_within_hours: int = 24
    generator: Callable[..., Any] | None = None
    history: Callable[..., Any] | None = None
    file_row: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        _Validation(self).run()
        check_report(self)

    @property
    def task(self) -> Task:
        """The model's task."""
        return self.model.task

    @cached_property
    def all_dimensions(self) -> tuple[Dimension, ...]:
        """The declared dimensions, then those of the task, then the one every use case has (the model version)."""
        return (
            *self.dimensions,
            *self.model.task.dimensions,
            Dimension(MODEL_VERSION, MODEL_VERSION, None, 200, "version of the model that scored"),
        )

    @cached_property
    def event_columns(self) -> tuple[Column, ...]:
        """The columns of a cleansed event: fields, then derived columns."""
        fields = tuple(Column(f.name, f.type, f.description) for f in self.fields)
        return fields + tuple(Column(d.name, d.type, d.description) for d in self.derived)

    @cached_property
    def prediction_columns(self) -> tuple[Column, ...]:
        """Columns of gold `predictions`, in order. The mapped value of a dimension replaces its field."""
        mapped = {d.name for d in self.all_dimensions}
        own = [c for c in self.event_columns if c.name not in mapped and c.name != self.event_id]
        dimensions = [Column(d.name, "string", d.description) for d in self.all_dimensions]
        scored = self.model.task.columns
        return (*_columns(RESERVED), *own, *scored, *_columns(WORTH), *dimensions, *_columns(WRITTEN))

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """The distinct aggregates of all measures in order of appearance; each is a column of Pulse and of Totals."""
        found: dict[str, Aggregate] = {}
        for measure in self.measures:
            for aggregate in measure.aggregates:
                found.setdefault(aggregate.name, aggregate)
        return tuple(found.values())

    @cached_property
    def events_column(self) -> str | None:
        """The column of Pulse that counts every event; None if no measure does."""
        return next((a.name for a in self.aggregates if isinstance(a, Count)), None)

    @cached_property
    def pulse_columns(self) -> tuple[Column, ...]:
        """Columns of gold `pulse`, in order."""
        types = {c.name: c.type for c in self.prediction_columns}
        sums = [Column(a.name, a.type_over(types), f"partial {a.name}") for a in self.aggregates]
        bucket = [c for c in _columns(RESERVED) if c.name in TIME_COLUMNS]
        dimensions = [Column(d.name, "string", d.description) for d in self.all_dimensions]
        return (*bucket, *dimensions, *sums, *_columns(WRITTEN))

    @cached_property
    def spotlight_columns(self) -> tuple[Column, ...]:
        """Columns of gold `spotlight`, in order."""
        standard = (EVENT_ID, EVENT_TIME, BUCKET, BUCKET_NO, *self.model.task.shown, SEVERITY)
        names = {*standard, *self.spotlight.columns, *WRITTEN_BY_GOLD} | {d.name for d in self.all_dimensions}
        return tuple(c for c in self.prediction_columns if c.name in names)

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change when any declaration changes (functions are identified by name)."""

        def plain(value: object) -> object:
            if dataclasses.is_dataclass(value) and not isinstance(value, type):
                own = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
                return [type(value).__name__, own]
            if isinstance(value, Mapping):
                return {str(k): plain(v) for k, v in value.items()}
            if isinstance(value, (tuple, list)):
                return [plain(v) for v in value]
            return getattr(value, "__qualname__", value if isinstance(value, (str, int, float)) else str(value))

        text = json.dumps(plain(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _columns(rows: Iterable[tuple[str, ...]]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


def columns_of(sql: str, place: str) -> tuple[str, ...]:
    """Names of the columns a Spark SQL expression uses; raises SpecificationError if it cannot be parsed."""
    try:
        tree = sqlglot.parse_one(sql, read="spark")
    except sqlglot.errors.SqlglotError as error:
        first = str(error).splitlines()[0]
        raise SpecificationError(f"{place}: {sql!r} is no Spark SQL expression ({first})") from error
    return tuple(dict.fromkeys(c.name for c in tree.find_all(exp.Column)))


class _Validation(Refusals):
    """Validates a use case in one pass, in the order in which its parts may refer to each other."""

    def __init__(self, case: UseCase) -> None:
        super().__init__(case.name)
        self.case = case

    def run(self) -> None:
        case = self.case
        self.name(case.name, "the use case")
        self.zone()
        for what in ("bucket_seconds", "future_tolerance_seconds", "late_after_seconds", "duplicates_within_hours"):
            if getattr(case, what) < 1:
                self.fail(what, f"is {getattr(case, what)}: give 1 or more")
        if 86_400 % case.bucket_seconds:
            self.fail("bucket_seconds", f"is {case.bucket_seconds}: give a divisor of a day (86400)")
        if case.trend_minutes is not None and (case.trend_minutes < 1 or case.trend_minutes * 60 % case.bucket_seconds):
            wanted = f"1 or more that are a multiple of the bucket's {case.bucket_seconds} seconds, or None for all"
            self.fail("trend_minutes", f"is {case.trend_minutes}: give {wanted}")
        try:
            date.fromisoformat(case.earliest)
        except ValueError:
            self.fail("earliest", f"is {case.earliest!r}: give a date like 2009-01-01")
        known = self.fields()
        for derived in case.derived:
            self.uses(derived.sql, known, f"derived column {derived.name}")
            self.new(derived.name, derived.type, known, "derived column")
        self.times(known)
        for check in case.checks:
            self.uses(check.sql, [*known, EVENT_TIME, ARRIVAL], f"check {check.name}")
        self.unique([c.name for c in case.checks], "check")
        self.the_model(known)
        self.the_dimensions(known)
        rows = [c.name for c in case.prediction_columns]
        unscored = [n for n in rows if n != SEVERITY]
        self.uses(case.spotlight.severity, unscored, "spotlight severity")
        self.uses(case.spotlight.where, rows, "spotlight where")
        for column in case.spotlight.columns:
            self.one_of(column, rows, "spotlight column")
        if not 1 <= case.spotlight.limit <= 10_000:
            self.fail("spotlight limit", f"is {case.spotlight.limit}: give 1 to 10000")
        self.the_measures(rows)

    def name(self, name: str, place: str) -> None:
        if not _NAME.fullmatch(name):
            self.fail(place, f"is named {name!r}: give lower-case letters, digits and _, a letter first")

    def unique(self, names: list[str], what: str) -> None:
        for name in names:
            if names.count(name) > 1:
                self.fail(f"{what} {name!r}", "is declared twice: give each its own name")

    def uses(self, sql: str, known: Iterable[str], place: str) -> None:
        valid = list(known)
        for column in columns_of(sql, f"use case {self.case.name}: {place}"):
            if column not in valid:
                self.fail(place, f"uses column {column!r}: give {choices(valid)}")

    def zone(self) -> None:
        try:
            ZoneInfo(self.case.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            self.fail("time_zone", f"is {self.case.time_zone!r}: give a name of the IANA list, like America/New_York")

    @property
    def taken(self) -> set[str]:
        """Columns of predictions that livegold adds itself."""
        return {row[0] for row in (*RESERVED, *WORTH, *WRITTEN)} | {c.name for c in self.case.model.task.columns}

    def new(self, name: str, type_: str, known: dict[str, str], what: str) -> None:
        self.name(name, what)
        taken = self.taken | {d.name for d in self.case.model.task.dimensions} | {REPLAY_TIME, MODEL_VERSION}
        if name in taken and name != self.case.event_id:
            self.fail(f"{what} {name!r}", "has a name that livegold uses itself: give another")
        if name in known:
            self.fail(f"{what} {name!r}", "is declared twice: give each its own name")
        decimal = _DECIMAL.fullmatch(type_)
        if decimal and not 0 <= int(decimal[2]) <= int(decimal[1]) <= 28:
            self.fail(f"{what} {name!r}", f"has type {type_!r}: give at most 28 digits, the scale within them")
        if not decimal and type_ not in SIMPLE_TYPES:
            self.fail(f"{what} {name!r}", f"has type {type_!r}: give {choices((*SIMPLE_TYPES, 'decimal(p,s)'))}")
        known[name] = type_

    def fields(self) -> dict[str, str]:
        known: dict[str, str] = {}
        for field in self.case.fields:
            self.new(field.name, field.type, known, "field")
        if self.case.event_id is not None:
            self.one_of(self.case.event_id, known, "event_id")
            key = next(f for f in self.case.fields if f.name == self.case.event_id)
            if not key.required or key.type != "string":
                self.fail(f"event_id {key.name!r}", "must be a required field of type string")
        return known

    def times(self, known: dict[str, str]) -> None:
        self.one_of(self.case.event_time, [n for n, t in known.items() if t == "timestamp"], "event_time")

    def the_model(self, known: dict[str, str]) -> None:
        model = self.case.model
        if not model.features:
            self.fail("model", "has no features: give one or more")
        self.unique([f.name for f in model.features], "feature")
        self.uses(model.outcome, known, "model outcome")
        outcome = set(columns_of(model.outcome, "model outcome"))
        for feature in model.features:
            self.uses(feature.sql, known, f"feature {feature.name}")
        if model.task.answers not in model.estimator.answers:
            task, wanted = type(model.task).__name__, model.task.answers
            self.fail("model estimator", f"is {model.estimator}, which gives no {wanted}, as task {task} needs")
        self.no_leak(outcome)

    def no_leak(self, outcome: set[str]) -> None:
        """A feature may use what the outcome is measured against (the fare), never anything only the outcome knows."""
        sources = {d.name: set(columns_of(d.sql, d.name)) for d in self.case.derived}
        for feature in self.case.model.features:
            used = columns_of(feature.sql, feature.name)
            for column in used:
                if sources.get(column, set()) >= outcome or {column} == outcome:
                    self.fail(f"feature {feature.name}", f"uses {column!r}, which holds the outcome: leave it out")

    def the_dimensions(self, known: dict[str, str]) -> None:
        names = [d.name for d in self.case.all_dimensions]
        self.unique(names, "dimension")
        taken = self.taken
        for dimension in self.case.dimensions:
            place = f"dimension {dimension.name!r}"
            self.name(dimension.name, "dimension")
            if dimension.name in taken or (dimension.name in known and dimension.name != dimension.column):
                self.fail(place, "has the name of another column: give another")
            self.one_of(dimension.column, known, f"{place} column")
            if dimension.table == "Date":
                self.fail(place, "would make a table named Date, which push datasets refuse: give another name")
            if not 1 <= dimension.limit <= 1_000:
                self.fail(place, f"has limit {dimension.limit}: give 1 to 1000")
            values = [v.strip().lower() for v in dimension.values or ()]
            self.unique(values, f"value of {place}")
            for value in (OTHER, UNKNOWN, ""):
                if value in values:
                    self.fail(place, f"declares {value!r}, which livegold adds itself: leave it out")

    def the_measures(self, rows: list[str]) -> None:
        self.unique([m.name.strip().lower() for m in self.case.measures], "measure")
        by_name: dict[str, Aggregate] = {}
        types = {c.name: c.type for c in self.case.prediction_columns}
        fixed = {c.name for c in _columns((*RESERVED, *WRITTEN))} | {d.name for d in self.case.all_dimensions}
        for measure in self.case.measures:
            place = f"measure {measure.name!r}"
            measure.check(self.case.bucket_seconds)
            for aggregate in measure.aggregates:
                for column in aggregate.columns:
                    self.one_of(column, rows, f"{place} column")
                problem = aggregate.problem_with(types)
                if problem:
                    self.fail(place, problem)
                if aggregate.name in fixed:
                    self.fail(place, f"has an aggregate named {aggregate.name!r} like another column of Pulse")
                if by_name.setdefault(aggregate.name, aggregate) != aggregate:
                    self.fail(
                        place, f"has an aggregate named {aggregate.name!r} that differs from another of that name"
                    )
