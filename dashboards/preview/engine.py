"""Computes what a visual shows: the values its DAX gives in Power BI, over the rows of `Tables`. No HTML, no layout.

- A group is shown if some measure of the visual is not blank for it. Groups are the labels of a dimension (all of them,
  whether anything happened or not), the buckets of Pulse, the cut-offs.
- A filter on a dimension applies to Pulse, Totals and Spotlight; one on time applies only to Pulse.
- The measures of a use case go through `measure_sql`; those derived from them go through
`livegold.reporting.semantic.derived`.

Pulse is first summed by bucket and dimension, once for all measures, and the measures are computed from these sums.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

from livegold.dashboards.preview.questions import UnknownField, Vocabulary, is_cut_off
from livegold.dashboards.preview.tables import NUMBER, TICK_NOW, Label, Tables
from livegold.reporting.drawing import Answer, Filters, Known, Question
from livegold.reporting.measures import (
    AllTime,
    Among,
    Between,
    ByBucket,
    Filter,
    Measure,
    TrailingWindow,
    Value,
    compute,
    distinct_aggregates,
    sql_over_pulse,
    sql_over_push,
)
from livegold.reporting.pbir import Field
from livegold.reporting.schema import (
    BUCKET,
    BUCKET_NO,
    COMPLETE_TICK,
    CUT_OFF,
    LEFT_OUT,
    LEFT_OUT_MEASURE,
    PULSE,
    SPOTLIGHT,
    TICK,
)
from livegold.reporting.semantic import (
    Freshness,
    parameter_of,
)
from livegold.reporting.specification import UseCase

IN = "livegold_in"
_PULSE, _TOTALS = "livegold_pulse", "livegold_totals"
KEPT_ANSWERS = 512
SPOTLIGHT_ROWS = 500
"""Maximum number of rows in a table of single predictions; Power BI loads as many until somebody scrolls further."""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class _Shape:
    """What one query groups by: dimensions (never the cut-off), and possibly buckets."""

    dimensions: tuple[str, ...]
    by_time: bool


@dataclass(frozen=True)
class _Scope:
    """The part of the filters that can be applied to rows."""

    values: tuple[tuple[str, tuple[str, ...]], ...]
    first: int | None
    last: int | None


class Engine:
    """Answers questions over `tables`. Any thread may ask; answers are cached until rows change."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.case: UseCase = tables.case
        self.vocabulary = Vocabulary(tables.case)
        self._cache: OrderedDict[Any, Any] = OrderedDict()
        self._cached_version = -1

    def ask(self, questions: Sequence[tuple[Question, Filters]], now: dt.datetime) -> list[Answer | UnknownField]:
        """An answer for each question, all over the same rows; `now` is UTC without a zone.

        Measures with the same groups and the same filters are computed in one query.
        """
        with self.tables.lock:
            self._forget_old()
            known: list[tuple[Known, ...] | UnknownField] = [self._known(q) for q, _ in questions]
            wanted: dict[tuple[_Shape, _Scope], dict[Measure, None]] = {}
            for (_, filters), fields in zip(questions, known, strict=True):
                if not isinstance(fields, UnknownField):
                    for place, measures in self._needs(fields, filters):
                        wanted.setdefault(place, {}).update(dict.fromkeys(measures))
            for (shape, scope), asked in wanted.items():
                self._values(shape, scope, tuple(asked))
            answers: list[Answer | UnknownField] = []
            for (question, filters), fields in zip(questions, known, strict=True):
                if isinstance(fields, UnknownField):
                    answers.append(fields)
                    continue
                try:
                    answers.append(self._timed_answer(question, fields, filters, now))
                except UnknownField as error:
                    answers.append(error)
            return answers

    def one(self, question: Question, filters: Filters, now: dt.datetime) -> Answer:
        """The answer to one question; raises UnknownField."""
        (answer,) = self.ask([(question, filters)], now)
        if isinstance(answer, UnknownField):
            raise answer
        return answer

    def labels(self, dimension: str) -> tuple[Label, ...]:
        """The values of a dimension in order."""
        return self.tables.labels[dimension]

    def span(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Start (UTC without a zone) of the oldest and the newest bucket."""
        with self.tables.lock:
            self._forget_old()
            return self._kept("span", self._find_span)

    def _find_span(self) -> tuple[dt.datetime, dt.datetime] | None:
        ((first, last),) = self.tables.fetch(f'SELECT min("{BUCKET}"), max("{BUCKET}") FROM "{PULSE}"')
        return None if first is None else (first, last)

    # Questions.

    def _known(self, question: Question) -> tuple[Known, ...] | UnknownField:
        try:
            return tuple(self.vocabulary.known(f) for f in (*question.fields, *question.beside))
        except UnknownField as error:
            return error

    def _shape(self, fields: Iterable[Known]) -> _Shape:
        by = [f for f in fields if f.kind == "label" and not is_cut_off(f)]
        return _Shape(tuple(dict.fromkeys(f.name for f in by)), any(f.kind == "time" for f in fields))

    def _scope(self, filters: Filters) -> _Scope:
        length = self.case.bucket_seconds
        first = None if filters.first is None else math.ceil(_epoch(filters.first) / length)
        last = None if filters.last is None else math.floor(_epoch(filters.last) / length)
        return _Scope(filters.values, first, last)

    def _needs(
        self, fields: Sequence[Known], filters: Filters
    ) -> list[tuple[tuple[_Shape, _Scope], tuple[Measure, ...]]]:
        if any(f.kind == "spotlight" for f in fields):
            return []
        names = [f.name for f in fields if f.kind == "measure"]
        shape, scope = self._shape(fields), self._scope(filters)
        needs = []
        own = self._own(names)
        if own:
            needs.append(((shape, scope), own))
        needs += [((_split(shape, dimension), scope), counted) for dimension, counted in self._splits(names)]
        return needs

    def _own(self, names: Iterable[str]) -> tuple[Measure, ...]:
        """The use case's own measures that the measures with these names are computed from."""
        found: dict[Measure, None] = {}
        for name in names:
            if name == LEFT_OUT_MEASURE:
                continue
            of = self.vocabulary.of(name)
            if isinstance(of, Measure):
                found[of] = None
            else:
                found.update(dict.fromkeys(self._own(of.parts)))
        return tuple(found)

    def _splits(self, names: Iterable[str]) -> set[tuple[str, tuple[Measure, ...]]]:
        """What the measures with these names need split by a dimension: the dimension's name, and the measures."""
        found: set[tuple[str, tuple[Measure, ...]]] = set()
        for name in names:
            of = None if name == LEFT_OUT_MEASURE else self.vocabulary.of(name)
            if of is None or isinstance(of, Measure):
                continue
            split = getattr(of, "split", None)
            found |= {split} if split else self._splits(of.parts)
        return found

    # Answers.

    def _timed_answer(
        self, question: Question, fields: tuple[Known, ...], filters: Filters, now: dt.datetime
    ) -> Answer:
        """An answer, cached until rows change unless it depends on the current time."""
        if any(f.kind == "measure" and self._tells_time(f.name) for f in fields):
            return self._answer(question, fields, filters, now)
        found: Answer = self._kept(("answer", question, filters), lambda: self._answer(question, fields, filters, now))
        return found

    def _tells_time(self, name: str) -> bool:
        return name != LEFT_OUT_MEASURE and isinstance(self.vocabulary.of(name), Freshness)

    def _answer(self, question: Question, fields: tuple[Known, ...], filters: Filters, now: dt.datetime) -> Answer:
        if any(f.kind == "spotlight" for f in fields):
            return self._single_predictions(question, fields, filters)
        measures = [f.name for f in fields if f.kind == "measure"]
        groups = self._groups(fields, filters)
        asked = _Asked(self, self._shape(fields), self._scope(filters), filters, now)
        counted = {f.name for f in fields[: len(question.fields)] if f.kind == "measure"}
        firsts = {f.field: self._first(f, filters) for f in fields if f.kind == "first"}
        grouped = any(f.kind in ("label", "time") for f in fields)
        rows = []
        for group in groups:
            values = {name: asked.value(name, group) for name in dict.fromkeys(measures)}
            if not all((values[f.property] or 0) > least for f, least in question.above):
                continue
            # Without a measure the question is for the values of a column. A card has one row, blank or not, and what
            # is beside a blank is shown.
            if not grouped or not counted or firsts or any(values[name] is not None for name in counted):
                rows.append((group, self._row(fields, group, values, firsts)))
        for order in reversed(question.order):
            rows = _ordered(rows, fields, order.field, order.descending)
        rows = rows[: question.limit]
        return Answer(fields, tuple(r for _, r in rows), _Points([g for g, _ in rows], filters))

    def _groups(self, fields: Sequence[Known], filters: Filters) -> list[_Group]:
        """Every possible combination of the visual's columns, in the order of their tables."""
        dimensions = list(dict.fromkeys(f.name for f in fields if f.kind == "label"))
        chosen = dict(filters.values)
        sides: list[list[Label]] = []
        for name in dimensions:
            labels = list(self.tables.labels[name])
            if name == CUT_OFF:
                labels = [v for v in labels if filters.cut_off in (None, v.order)]
            else:
                if self.tables.orphans.get(name):
                    labels.append(ORPHAN)
                if name in chosen:
                    labels = [v for v in labels if v.key in chosen[name]]
            sides.append(labels)
        times: list[tuple[dt.datetime, int] | None] = [None]
        if any(f.kind == "time" for f in fields):
            times = list(self._buckets(self._scope(filters)))
        return [
            _Group(dict(zip(dimensions, values, strict=True)), time) for values, time in product(product(*sides), times)
        ]

    def _first(self, known: Known, filters: Filters) -> Any:
        """The first text of a column, in alphabetical order, under the filters."""
        chosen = dict(filters.values).get(known.name)
        texts = [
            getattr(v, known.field.property)
            for v in self.tables.labels[known.name]
            if (chosen is None or v.key in chosen) and (known.name != CUT_OFF or filters.cut_off in (None, v.order))
        ]
        return min(texts, default=None)

    def _row(
        self, fields: Sequence[Known], group: _Group, values: Mapping[str, Any], firsts: Mapping[Field, Any]
    ) -> tuple[Any, ...]:
        row: list[Any] = []
        for known in fields:
            if known.kind == "measure":
                row.append(values[known.name])
            elif known.kind == "first":
                row.append(firsts[known.field])
            elif known.kind == "time":
                assert group.time is not None
                row.append(group.time[0] if known.name == BUCKET else group.time[1])
            else:
                label = group.labels[known.name]
                row.append(None if label is ORPHAN else getattr(label, known.field.property))
        return tuple(row)

    def _single_predictions(self, question: Question, fields: tuple[Known, ...], filters: Filters) -> Answer:
        if any(f.kind not in ("spotlight", "label") or is_cut_off(f) for f in fields):
            raise UnknownField(f"field {next(f.field for f in fields if f.kind not in ('spotlight', 'label'))}")
        limit = question.limit or SPOTLIGHT_ROWS
        key = ("spotlight", question, filters.values, limit)
        return self._kept(key, lambda: self._find_single_predictions(question, fields, filters, limit))

    def _find_single_predictions(
        self, question: Question, fields: tuple[Known, ...], filters: Filters, limit: int
    ) -> Answer:
        condition, values = _condition(filters.values, self.tables)
        names = {f.field: f.name for f in fields}
        order = []
        for o in question.order:
            known = self.vocabulary.known(o.field)
            if known.kind in ("spotlight", "label") and not is_cut_off(known):
                order.append(f'"{known.name}" {"DESC NULLS LAST" if o.descending else "ASC NULLS FIRST"}')
                names.setdefault(o.field, known.name)
        ordered = ", ".join([*order, f'"{NUMBER}" DESC'])
        columns = ", ".join(f'"{n}"' for n in dict.fromkeys(f.name for f in fields))
        dimensions = [d.name for d in self.case.all_dimensions]
        points = ", ".join(f'"{n}"' for n in dimensions)
        # Power BI shows equal rows once, so more rows are fetched than are shown, and duplicates left out.
        sql = f'SELECT {columns}, {points} FROM "{SPOTLIGHT}" WHERE {condition} ORDER BY {ordered} LIMIT {4 * limit}'
        labels = {d: {v.key: v for v in self.tables.labels[d]} for d in dimensions}
        found: dict[tuple[Any, ...], Filters] = {}
        columns_of = list(dict.fromkeys(f.name for f in fields))
        for raw in self.tables.fetch(sql, values):
            named = dict(zip(columns_of, raw[: len(columns_of)], strict=True))
            row = []
            for known in fields:
                value = named[known.name]
                if known.kind == "label":
                    label = labels[known.name].get(value)
                    value = None if label is None else getattr(label, known.field.property)
                row.append(value)
            keys = dict(zip(dimensions, raw[len(columns_of) :], strict=True))
            point = filters
            for name, value in keys.items():
                point = point.among(name, (value,))
            found.setdefault(tuple(row), point)
            if len(found) == limit:
                break
        return Answer(fields, tuple(found), tuple(found.values()))

    # Values of the use case's own measures, by group.

    def values_of(self, shape: _Shape, scope: _Scope, names: Sequence[str]) -> Mapping[Key, Mapping[str, Value]]:
        return self._values(shape, scope, self._own(names))

    def values_by(
        self, shape: _Shape, scope: _Scope, dimension: str, measures: tuple[Measure, ...]
    ) -> Mapping[Key, Mapping[str, Value]]:
        return self._values(_split(shape, dimension), scope, measures)

    def _values(self, shape: _Shape, scope: _Scope, measures: tuple[Measure, ...]) -> dict[Key, dict[str, Value]]:
        """Values of measures by name, for each group (keys of the dimensions, then the number of the bucket)."""
        if not measures:
            return {}
        kept: dict[str, dict[Key, dict[str, Value]]] = self._kept(("values", shape, scope), dict)
        rows: dict[Key, dict[str, Value]] = kept.setdefault("rows", {})
        has: dict[str, Any] = kept.setdefault("has", {})  # type: ignore[assignment]
        missing = tuple(m for m in measures if m.name not in has)
        if missing and self.tables.newest is not None:
            for key, values in self._query(shape, scope, missing):
                rows.setdefault(key, {}).update(values)
        has.update((m.name, True) for m in missing)
        return rows

    def _query(
        self, shape: _Shape, scope: _Scope, measures: tuple[Measure, ...]
    ) -> Iterable[tuple[Key, dict[str, Value]]]:
        filtered = bool(scope.values)
        oldest = self._oldest_needed(shape, scope, measures)
        sql = _rendered(
            self.case.bucket_seconds, measures, shape, scope.first, scope.last, filtered, self.tables.over_gold
        )
        ctes, values = self._sources(shape, scope, measures, oldest)
        width = len(shape.dimensions) + shape.by_time
        names = [m.name for m in measures]
        for row in self.tables.fetch(f"WITH {ctes}, {sql.removeprefix('WITH ')}", values):
            yield row[:width], dict(zip(names, row[width:], strict=True))

    def _oldest_needed(self, shape: _Shape, scope: _Scope, measures: tuple[Measure, ...]) -> int | None:
        """The bucket after which Pulse is read; None for all of it."""
        if shape.by_time or any(isinstance(m.scope, ByBucket) for m in measures):
            return None
        if self.tables.over_gold and any(isinstance(m.scope, AllTime) for m in measures):
            return None
        newest = self.newest_in(scope)
        if newest is None:
            return None
        return newest - max(
            [m.scope.buckets(self.case.bucket_seconds) for m in measures if isinstance(m.scope, TrailingWindow)] or [0]
        )

    def _sources(
        self, shape: _Shape, scope: _Scope, measures: tuple[Measure, ...], oldest: int | None
    ) -> tuple[str, list[Any]]:
        """CTEs of Pulse and Totals, summed as far as the question allows, and their parameter values."""
        aggregates = distinct_aggregates(measures)
        condition, values = _condition(scope.values, self.tables)
        flag = f"CASE WHEN {condition} THEN 'in' ELSE 'out' END AS \"{IN}\"" if scope.values else f"'in' AS \"{IN}\""
        dimensions = [f'{self._key(d)} AS "{d}"' for d in shape.dimensions]
        sums = [f'{a.merge}("{a.name}") AS "{a.name}"' for a in aggregates]
        where = "" if oldest is None else f' WHERE "{BUCKET_NO}" > {oldest}'
        columns = ", ".join([f'"{BUCKET}"', f'"{BUCKET_NO}"', *dimensions, flag, *sums])
        ctes = [f'"{_PULSE}" AS MATERIALIZED (SELECT {columns} FROM "{PULSE}"{where} GROUP BY ALL)']
        given = list(values)
        if not self.tables.over_gold:
            additive = [s for s, a in zip(sums, aggregates, strict=True) if a.additive]
            ticks = [f'"{TICK}"', f'max("{COMPLETE_TICK}") OVER () AS "{COMPLETE_TICK}"']
            inner = f'(SELECT * REPLACE ({ticks[1]}) FROM "{TICK_NOW}")'
            head = ", ".join([f'"{TICK}"', f'"{COMPLETE_TICK}"', *dimensions, flag, *additive])
            ctes.append(f'"{_TOTALS}" AS MATERIALIZED (SELECT {head} FROM {inner} GROUP BY ALL)')
            given += values
        return ", ".join(ctes), given

    def _key(self, dimension: str) -> str:
        orphans = self.tables.orphans.get(dimension)
        if not orphans:
            return f'"{dimension}"'
        return f'CASE WHEN "{dimension}" IN ({_texts(orphans)}) THEN NULL ELSE "{dimension}" END'

    def newest_in(self, scope: _Scope) -> int | None:
        """The newest bucket in a time context, regardless of dimensions."""
        if scope.first is None and scope.last is None:
            return self.tables.newest
        return self._kept(("newest", scope.first, scope.last), lambda: self._find_newest(scope))

    def _find_newest(self, scope: _Scope) -> int | None:
        numbers = [number for _, number in self._buckets(scope)]
        return max(numbers, default=None)

    def _buckets(self, scope: _Scope) -> list[tuple[dt.datetime, int]]:
        """Buckets in a time context: (start, number), oldest first."""
        every: list[tuple[dt.datetime, int]] = self._kept("buckets", self._find_buckets)
        low, high = scope.first, scope.last
        return [b for b in every if (low is None or b[1] >= low) and (high is None or b[1] <= high)]

    def _find_buckets(self) -> list[tuple[dt.datetime, int]]:
        sql = f'SELECT DISTINCT "{BUCKET}", "{BUCKET_NO}" FROM "{PULSE}" ORDER BY 2'
        return [(start, number) for start, number in self.tables.fetch(sql)]

    def left_out(self) -> int:
        """Number of rows of Spotlight that did not fit into the push dataset, in the newest complete tick."""
        if self.tables.over_gold:
            return 0
        ((number,),) = self.tables.fetch(f'SELECT coalesce(sum("{LEFT_OUT}"), 0) FROM "{TICK_NOW}"')
        return int(number)

    def newest_start(self) -> dt.datetime | None:
        found: dt.datetime | None = self._kept("newest start", self.tables.newest_bucket)
        return found

    # The cache.

    def _forget_old(self) -> None:
        if self._cached_version != self.tables.version:
            self._cache.clear()
            self._cached_version = self.tables.version

    def _kept(self, key: Any, make: Any) -> Any:
        if key not in self._cache:
            self._cache[key] = make()
            if len(self._cache) > KEPT_ANSWERS:
                self._cache.popitem(last=False)
        return self._cache[key]


@dataclass(frozen=True)
class _Group:
    """One row of a visual: a value of each of its dimensions, and a bucket (start, number)."""

    labels: Mapping[str, Label]
    time: tuple[dt.datetime, int] | None

    def point(self, filters: Filters) -> Filters:
        made = filters
        for name, label in self.labels.items():
            made = made.at(label.order) if name == CUT_OFF else made.among(name, (label.key,))
        return made if self.time is None else made.between(self.time[0], self.time[0])


class _Points(Sequence[Filters]):
    """The filters each row stands for, computed on demand."""

    def __init__(self, groups: list[_Group], filters: Filters) -> None:
        self._groups, self._filters = groups, filters

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [g.point(self._filters) for g in self._groups[place]]
        return self._groups[place].point(self._filters)


class _Asked:
    """Values of measures for the groups of one question."""

    def __init__(self, engine: Engine, shape: _Shape, scope: _Scope, filters: Filters, now: dt.datetime) -> None:
        self._engine, self._shape, self._scope, self._filters, self.now = engine, shape, scope, filters, now
        self._by: dict[str, dict[Key, dict[int, Mapping[str, Value]]]] = {}
        self._found: dict[str, Mapping[Key, Mapping[str, Value]]] = {}

    def value(self, name: str, group: _Group) -> Any:
        engine = self._engine
        if name == LEFT_OUT_MEASURE:
            return engine.left_out()
        of = engine.vocabulary.of(name)
        if isinstance(of, Measure):
            return self._own(of, group)
        return of.answer(_Place(self, group))

    def _key(self, group: _Group) -> Key:
        keys: list[Any] = [None if (v := group.labels[d]) is ORPHAN else v.key for d in self._shape.dimensions]
        return (*keys, group.time[1]) if group.time is not None else tuple(keys)

    def _own(self, measure: Measure, group: _Group) -> Value:
        found = self._found.get(measure.name)
        if found is None:
            found = self._found[measure.name] = self._engine.values_of(self._shape, self._scope, [measure.name])
        row = found.get(self._key(group), {})
        if measure.name in row:
            return row[measure.name]
        # A group without any events.
        return compute(measure.expression, {a: a.of_nothing for a in measure.aggregates})

    def newest(self) -> dt.datetime | None:
        return self._engine.newest_start()

    def behind(self, group: _Group) -> int:
        """How many buckets the newest in the time context is behind the newest of all; 0 if the context has none."""
        here = self._engine.newest_in(self._scope) if group.time is None else group.time[1]
        newest = self._engine.tables.newest
        return 0 if here is None or newest is None else newest - here

    def chosen(self, parameter: str, group: _Group) -> int:
        label = group.labels.get(parameter)
        if label is not None:
            return label.order or 0
        chosen = self._filters.cut_off if parameter == CUT_OFF else None
        return parameter_of(self._engine.case, parameter).start if chosen is None else chosen

    def counts_by(
        self, dimension: str, measures: tuple[Measure, ...], group: _Group
    ) -> Mapping[int, Mapping[str, Value]]:
        if dimension not in self._by:
            self._by[dimension] = self._counts_by(dimension, measures)
        keys = tuple(None if (v := group.labels[d]) is ORPHAN else v.key for d in self._shape.dimensions)
        return self._by[dimension].get(keys, {})

    def _counts_by(self, dimension: str, measures: tuple[Measure, ...]) -> dict[Key, dict[int, Mapping[str, Value]]]:
        """For the keys of the question's dimensions, the values so far by the order of another dimension's values."""
        shape = _split(self._shape, dimension)
        orders = {v.key: v.order for v in self._engine.labels(dimension)}
        place = shape.dimensions.index(dimension)
        kept = [i for i, d in enumerate(shape.dimensions) if d in self._shape.dimensions]
        made: dict[Key, dict[int, Mapping[str, Value]]] = {}
        for key, counts in self._engine.values_by(self._shape, self._scope, dimension, measures).items():
            order = orders.get(key[place])
            if order is not None and counts:
                made.setdefault(tuple(key[i] for i in kept), {})[order] = counts
        return made


@dataclass(frozen=True)
class _Place:
    """Where a derived measure is evaluated: a group of a question. `semantic.derived` defines what it may ask."""

    asked: _Asked
    group: _Group

    def values(self, names: Sequence[str]) -> Mapping[str, Any]:
        return {name: self.asked.value(name, self.group) for name in names}

    def behind(self) -> int:
        return self.asked.behind(self.group)

    def newest(self) -> dt.datetime | None:
        return self.asked.newest()

    @property
    def now(self) -> dt.datetime:
        return self.asked.now

    def counts_by(self, dimension: str, measures: tuple[Measure, ...]) -> Mapping[int, Mapping[str, Value]]:
        return self.asked.counts_by(dimension, measures, self.group)

    def chosen(self, parameter: str) -> int:
        return self.asked.chosen(parameter, self.group)


ORPHAN = Label("", "", None)
"""Stands for facts whose key is not in the dimension's table."""
EPOCH = dt.datetime(1970, 1, 1)


def _split(shape: _Shape, dimension: str) -> _Shape:
    """The same shape with one more dimension, over all time."""
    dimensions = shape.dimensions if dimension in shape.dimensions else (*shape.dimensions, dimension)
    return _Shape(dimensions, False)


@lru_cache(maxsize=256)
def _rendered(
    bucket_seconds: int,
    measures: tuple[Measure, ...],
    shape: _Shape,
    first: int | None,
    last: int | None,
    filtered: bool,
    over_gold: bool,
) -> str:
    where: list[Filter] = [Among(IN, ("in",))] if filtered else []
    if first is not None or last is not None:
        where.append(Between(first, last))
    by = (*shape.dimensions, *([BUCKET_NO] if shape.by_time else []))
    if over_gold:
        return sql_over_pulse(measures, _PULSE, by, where, bucket_seconds=bucket_seconds)
    return sql_over_push(measures, _PULSE, _TOTALS, by, where, bucket_seconds=bucket_seconds)


def _condition(values: tuple[tuple[str, tuple[str, ...]], ...], tables: Tables) -> tuple[str, list[str]]:
    """A SQL condition on a fact table for the selected keys, and its parameter values."""
    parts, given = [], []
    for dimension, keys in values:
        real = [k for k in keys if k != ORPHAN.key]
        some = f'"{dimension}" IN ({", ".join("?" * len(real))})' if real else "false"
        given += real
        if ORPHAN.key in keys and tables.orphans.get(dimension):
            some = f'({some} OR "{dimension}" IN ({_texts(tables.orphans[dimension])}))'
        parts.append(some)
    return " AND ".join(parts) or "true", given


def _texts(values: Iterable[str]) -> str:
    return ", ".join("'" + v.replace("'", "''") + "'" for v in sorted(values))


def _ordered(
    rows: list[tuple[_Group, tuple[Any, ...]]], fields: Sequence[Known], by: Field, descending: bool
) -> list[tuple[_Group, tuple[Any, ...]]]:
    """Sorts as Power BI does: blanks sort lowest, and labels by the order of their table."""
    place = next((i for i, f in enumerate(fields) if f.field == by), None)
    if place is None:
        return rows
    known = fields[place]

    def key(row: tuple[_Group, tuple[Any, ...]]) -> tuple[Any, ...]:
        value = row[1][place]
        if known.kind == "label":
            label = row[0].labels[known.name]
            value = label.order if label.order is not None else (-1 if label is ORPHAN else math.inf)
        return (value is not None, value if value is not None else 0)

    return sorted(rows, key=key, reverse=descending)


def _epoch(time: dt.datetime) -> float:
    return (time - EPOCH).total_seconds()
