"""Rows for a template that opens populated: made up, but made and scored as livegold makes and scores events.

Events come from the use case's own generator, or are drawn at random by their fields' types. They are cleansed,
validated and summed by the use case's SQL, in DuckDB, and scored by a logistic or linear regression, as the task wants,
that was fitted on older events. So that there is something to see, in the last third another model scores, which was
fitted on few events, and in the last sixth most events of one value of the first dimension are missing. The same use
case gives the same rows.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from livegold.dashboards.spark_sql import MACROS, for_duckdb
from livegold.reporting.errors import SpecificationError
from livegold.reporting.schema import LAST_ORDER, OTHER, UNKNOWN
from livegold.reporting.specification import Dimension, Field, UseCase

SAMPLE_NOTE = (
    "These rows are made up: half an hour of events that never were, scored by a real model. In the last third a model "
    "scores that was fitted on few events; in the last sixth most events of one kind are missing"
)

START = datetime(2026, 5, 4, 17, 0, tzinfo=UTC)
SPAN_SECONDS = 1_800
MIN_BUCKETS = 30
EVENTS = 3_600
OLDER_EVENTS = 6_000
FEW_EVENTS = 20
"""What the second model is fitted on."""
MAX_SPOTLIGHT = 300
MISSING_SHARE = 0.85
"""As gold orders the two values that livegold adds."""
_SEED = 20_260_504
_RANDOM_REJECTED = 0.02
_UNKNOWN_SHARE = 0.03
_WORDS = ("amber", "birch", "cedar", "dune", "ember")

Event = tuple[str | None, bytes]
Row = dict[str, Any]
Rows = tuple[Row, ...]


@dataclass(frozen=True)
class SampleRows:
    """Rows of the tables of a model, as gold has them."""

    pulse: Rows
    spotlight: Rows
    dimensions: Mapping[str, Rows]

    @classmethod
    def none(cls, case: UseCase) -> SampleRows:
        return cls((), (), {d.name: () for d in case.all_dimensions})


def sample_rows(case: UseCase, events: int = EVENTS) -> SampleRows:
    """The rows of a use case's sample. SpecificationError where its SQL means nothing to DuckDB."""
    return _Sample(case, events).rows()


class _Sample:
    def __init__(self, case: UseCase, events: int) -> None:
        self.case = case
        self.events = events
        self.seconds = max(SPAN_SECONDS, MIN_BUCKETS * case.bucket_seconds)
        self.zone = ZoneInfo(case.time_zone)

    def rows(self) -> SampleRows:
        with duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False}) as db:
            db.execute("SET TimeZone = 'UTC'")
            for macro in MACROS:
                db.execute(macro)
            end = START + timedelta(seconds=self.seconds)
            older, _ = self._cleansed(db, self._older())
            live, rejected = self._cleansed(db, self._live())
            live = self._in_time(live, START, end)
            rejected = [at for at in rejected if START <= at < end]
            self._scored(db, older, live)
            values = self._dimensions(db)
            self._predictions(db)
            return SampleRows(
                self._pulse(db, rejected),
                self._spotlight(db),
                {d.name: _dimension_rows(values[d.name]) for d in self.case.all_dimensions},
            )

    # ---- events ----------------------------------------------------------------------------------------------------

    def _live(self) -> Iterator[tuple[datetime, Event]]:
        rate = self.events / self.seconds
        events = (
            self.case.generator(_SEED, START, rate, count=self.events)
            if self.case.generator
            else _drawn(self.case, _SEED, START, rate, self.events)
        )
        arrivals = (START + timedelta(seconds=i / rate) for i in range(self.events))
        return zip(arrivals, events, strict=False)

    def _older(self) -> Iterator[tuple[datetime, Event]]:
        count = min(OLDER_EVENTS, 2 * self.events)
        begin = START - timedelta(seconds=self.seconds)
        if self.case.history:
            events: Iterable[Event] = self.case.history(_SEED, count, START)
        elif self.case.generator:
            events = self.case.generator(_SEED + 1, begin, count / self.seconds, count=count)
        else:
            events = _drawn(self.case, _SEED + 1, begin, count / self.seconds, count)
        return ((START, event) for event in events)

    # ---- cleansed --------------------------------------------------------------------------------------------------

    def _cleansed(
        self, db: duckdb.DuckDBPyConnection, events: Iterable[tuple[datetime, Event]]
    ) -> tuple[pa.Table, list[datetime]]:
        """Valid events with derived columns, features and what an event has besides, and when others arrived."""
        case = self.case
        rows: list[Row] = []
        rejected: list[datetime] = []
        seen: set[str] = set()
        for number, (arrival, (_, value)) in enumerate(events):
            row = self._read(value)
            if row is None:
                rejected.append(arrival)
                continue
            key = row[case.event_id] if case.event_id else f"sample/0/{number}"
            if key in seen:
                continue
            seen.add(key)
            own = {"event_id": key, "arrival": arrival.replace(tzinfo=None)}
            rows.append(row | own | {"topic": "sample", "partition": 0, "offset": number})
        types = {f.name: f.type for f in case.fields} | {"event_id": "string", "arrival": "timestamp"}
        types |= {"topic": "string", "partition": "int", "offset": "bigint"}
        table = _arrow(rows, types)
        for derived in case.derived:
            table = self._with(db, table, derived.name, derived.sql, derived.type, f"derived column {derived.name}")
        if case.event_time != "event_time":
            table = self._with(db, table, "event_time", f"`{case.event_time}`", "timestamp", "event_time")
        for feature in case.model.features:
            name = f"feature_{feature.name}"
            table = self._with(db, table, name, feature.sql, "double", f"feature {feature.name}")
        passed = [f"coalesce({_sql(c.sql)}, true)" for c in case.checks]
        passed += [f'"feature_{f.name}" IS NOT NULL AND NOT isnan("feature_{f.name}")' for f in case.model.features]
        validated = self._query(db, table, f"*, {' AND '.join(passed)} AS sample_ok", "checks")
        good = validated.column("sample_ok").to_pylist()
        arrivals = validated.column("arrival").to_pylist()
        rejected += [at.replace(tzinfo=UTC) for at, ok in zip(arrivals, good, strict=True) if not ok]
        return validated.filter(validated.column("sample_ok")).drop_columns(["sample_ok"]), rejected

    def _read(self, value: bytes) -> Row | None:
        """The fields of an event, None for one that gold would refuse."""
        try:
            found = json.loads(value.decode(), object_pairs_hook=_once, parse_constant=_refused)
            if not isinstance(found, dict):
                return None
            row = {f.name: self._value(f, found.get(f.name)) for f in self.case.fields}
        except (ValueError, TypeError, InvalidOperation, OverflowError):
            return None
        absent = any(f.required and row[f.name] is None for f in self.case.fields)
        blank = self.case.event_id is not None and not str(row[self.case.event_id] or "").strip()
        return None if absent or blank else row

    def _value(self, field: Field, found: Any) -> Any:
        if found is None:
            return None
        if field.type == "timestamp":
            at = datetime.fromisoformat(found)
            zoned = at if at.tzinfo else at.replace(tzinfo=self.zone)
            return zoned.astimezone(UTC).replace(tzinfo=None)
        if field.type == "string":
            return _only(found, str)
        if field.type == "boolean":
            return _only(found, bool)
        if isinstance(found, bool):
            raise TypeError(f"{found} is no number")
        if field.type == "int":
            return _only(found, int)
        if field.type == "double":
            number = float(_only(found, int, float))
            if not math.isfinite(number):
                raise ValueError(f"{found} is not finite")
            return number
        digits, scale = _digits(field.type)
        exact = Decimal(str(_only(found, int, float))).quantize(Decimal(1).scaleb(-scale))
        if len(exact.as_tuple().digits) > digits:
            raise ValueError(f"{found} is too large")
        return exact

    # ---- scored ----------------------------------------------------------------------------------------------------

    def _scored(self, db: duckdb.DuckDBPyConnection, older: pa.Table, live: pa.Table) -> None:
        """Makes the table `scored`."""
        case = self.case
        task, outcome = case.model.task, _sql(case.model.outcome)
        known = self._query(db, older, f"*, CAST({outcome} AS {task.outcome_type}) AS sample_outcome", "model outcome")
        known = known.filter(known.column("sample_outcome").is_valid())
        names = [f"feature_{f.name}" for f in case.model.features]
        x, y = _matrix(known, names), np.array(known.column("sample_outcome").to_pylist(), dtype=float)
        # Seconds, not rows: what arrived is not spread evenly.
        seconds = [(t.replace(tzinfo=UTC) - START).total_seconds() for t in live.column("event_time").to_pylist()]
        second = np.array(seconds) >= self.seconds * 2 / 3
        fitted = _logistic_fit if task.answers == "probability" else _linear_fit
        first_model, second_model = fitted(x, y), fitted(x[:FEW_EVENTS], y[:FEW_EVENTS])
        features = _matrix(live, names)
        scores = np.where(second, second_model(features), first_model(features)) if len(features) else np.zeros(0)
        # Rounded: machines differ in the last digits of what they compute.
        live = live.append_column(task.answer, pa.array(np.round(scores, 4), pa.float64()))
        versions = np.where(second, "2", "1").tolist()
        live = live.append_column("model_version", pa.array(versions, pa.string()))
        late = f"date_diff('microsecond', event_time, arrival) > {case.late_after_seconds * 1_000_000}"
        scored = for_duckdb(task.scored_sql("sample_live", case.model.outcome))
        bucket_no = f"CAST(floor(epoch(event_time) / {case.bucket_seconds}) AS BIGINT)"
        db.register("sample_live", live.drop_columns(names))
        with self._place("model outcome"):
            db.execute(f"""
            CREATE TABLE scored AS
            SELECT *, make_timestamp(bucket_no * {case.bucket_seconds * 1_000_000}) AS bucket, {late} AS late,
                'sample' AS query_id, CAST(0 AS BIGINT) AS batch_id
            FROM (SELECT *, {bucket_no} AS bucket_no FROM ({scored})) ORDER BY "offset"
            """)

    def _in_time(self, live: pa.Table, begin: datetime, end: datetime) -> pa.Table:
        times = [t.replace(tzinfo=UTC) if t else None for t in live.column("event_time").to_pylist()]
        return live.filter(pa.array([t is not None and begin <= t < end for t in times], pa.bool_()))

    # ---- gold ------------------------------------------------------------------------------------------------------

    def _dimensions(self, db: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
        """Makes the table `mapped`, with the dimensions' values; gives those of each dimension in order."""
        found: dict[str, list[str]] = {}
        table = db.sql('SELECT * FROM scored ORDER BY "offset"').to_arrow_table()
        for dimension in self.case.all_dimensions:
            query = f'SELECT CAST("{dimension.column}" AS VARCHAR) FROM scored ORDER BY "offset"'
            texts = [text for (text,) in db.execute(query).fetchall()]
            found[dimension.name], column = _mapped(dimension, texts)
            array = pa.array(column, pa.string())
            place = table.schema.get_field_index(dimension.name)
            table = (
                table.append_column(dimension.name, array)
                if place < 0
                else table.set_column(place, dimension.name, array)
            )
        table = self._thinned(table)
        db.register("sample_mapped", table)
        db.execute("CREATE TABLE mapped AS SELECT * FROM sample_mapped")
        return found

    def _thinned(self, table: pa.Table) -> pa.Table:
        """Without most events, in the last sixth, of the second most frequent value of the first dimension."""
        if not self.case.dimensions or not table.num_rows:
            return table
        values = table.column(self.case.dimensions[0].name).to_pylist()
        frequent = [v for v, _ in Counter(v for v in values if v not in LAST_ORDER).most_common(2)]
        if len(frequent) < 2:
            return table
        rng = random.Random(_SEED)
        begin = (START + timedelta(seconds=self.seconds * 5 / 6)).replace(tzinfo=None)
        times = table.column("event_time").to_pylist()
        kept = [
            at < begin or value != frequent[1] or rng.random() > MISSING_SHARE
            for at, value in zip(times, values, strict=True)
        ]
        return table.filter(pa.array(kept, pa.bool_()))

    def _predictions(self, db: duckdb.DuckDBPyConnection) -> None:
        severity = _sql(self.case.spotlight.severity)
        types = {c.name: _duckdb_type(c.type) for c in self.case.prediction_columns}
        columns = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in types.items())
        with self._place("spotlight severity"):
            db.execute(
                f"CREATE TABLE predictions AS SELECT {columns} FROM "
                f"(SELECT *, CAST({severity} AS DOUBLE) AS severity FROM mapped)"
            )

    def _pulse(self, db: duckdb.DuckDBPyConnection, rejected: Sequence[datetime]) -> Rows:
        case = self.case
        keys = ["bucket", "bucket_no", *(d.name for d in case.all_dimensions)]
        names = ", ".join(f'"{k}"' for k in keys)
        sums = ", ".join(
            f'CAST({for_duckdb(a.sql)} AS {_duckdb_type(c.type)}) AS "{a.name}"'
            for a in case.aggregates
            for c in case.pulse_columns
            if c.name == a.name
        )
        rows = _rows(db.execute(f"SELECT {names}, {sums} FROM predictions GROUP BY {names} ORDER BY {names}"))
        rows = [{name: _rounded(value) for name, value in row.items()} for row in rows]
        empty = {a.name: 0 if a.additive else None for a in case.aggregates}
        if "rejected" in empty:
            unknown = {d.name: UNKNOWN for d in case.all_dimensions}
            numbers = Counter(math.floor(at.timestamp() / case.bucket_seconds) for at in rejected)
            rows += [
                {"bucket": _start(n, case), "bucket_no": n} | unknown | empty | {"rejected": count}
                for n, count in numbers.items()
            ]
        rows.sort(key=lambda row: (row["bucket_no"], *(row[d.name] for d in case.all_dimensions)))
        return tuple(rows)

    def _spotlight(self, db: duckdb.DuckDBPyConnection) -> Rows:
        where = _sql(self.case.spotlight.where)
        columns = ", ".join(f'"{c.name}"' for c in self.case.spotlight_columns)
        order = "severity DESC NULLS LAST, event_time DESC, event_id"
        query = f"SELECT {columns} FROM predictions WHERE {where} ORDER BY {order} LIMIT {MAX_SPOTLIGHT}"
        with self._place("spotlight where"):
            rows = _rows(db.execute(query))
        return tuple({name: _rounded(value) for name, value in row.items()} for row in rows)

    # ---- SQL -------------------------------------------------------------------------------------------------------

    def _with(
        self, db: duckdb.DuckDBPyConnection, table: pa.Table, name: str, sql: str, type_: str, place: str
    ) -> pa.Table:
        return self._query(db, table, f'*, CAST({_sql(sql)} AS {_duckdb_type(type_)}) AS "{name}"', place)

    def _query(self, db: duckdb.DuckDBPyConnection, table: pa.Table, select: str, place: str) -> pa.Table:
        db.register("sample_table", table)
        query = f'SELECT {select} FROM sample_table ORDER BY "offset"'
        with self._place(place):
            found: pa.Table = db.sql(query).to_arrow_table()
        return found

    @contextmanager
    def _place(self, place: str) -> Iterator[None]:
        """Names the part of the use case whose SQL DuckDB refuses."""
        try:
            yield
        except duckdb.Error as error:
            said = " ".join(str(error).split("LINE 1:")[0].split())
            raise SpecificationError(
                f"use case {self.case.name}: {place}: a sample cannot be made, for DuckDB does not take it ({said}): "
                "write it in SQL that both Spark and DuckDB know, or give another source"
            ) from error


# ---- drawn at random -------------------------------------------------------------------------------------------------


def _drawn(case: UseCase, seed: int, start: datetime, rate: float, count: int) -> Iterator[Event]:
    """Events of a use case that has no generator: each field by its type, times a little before the event's own."""
    rng = random.Random(f"{case.name} {seed}")
    zone = ZoneInfo(case.time_zone)
    declared = {d.column: d.values for d in case.dimensions if d.values}
    for number in range(count):
        if rng.random() < _RANDOM_REJECTED:
            yield None, b"not an event"
            continue
        at = start + timedelta(seconds=number / rate)
        event: dict[str, Any] = {}
        for field in case.fields:
            if field.name == case.event_id:
                event[field.name] = f"{seed}-{number}"
            elif field.type == "timestamp":
                before = 0 if field.name == case.event_time else rng.randrange(60, 1_800)
                event[field.name] = (
                    (at - timedelta(seconds=before)).astimezone(zone).replace(tzinfo=None).isoformat(" ")
                )
            elif field.required or rng.random() >= _UNKNOWN_SHARE:
                event[field.name] = _drawn_value(rng, field, declared.get(field.name))
        yield None, json.dumps(event).encode()


def _drawn_value(rng: random.Random, field: Field, values: Sequence[str] | None) -> Any:
    if field.type == "string":
        words = values or _WORDS
        return words[min(int(rng.expovariate(0.5)), len(words) - 1)]
    if field.type == "boolean":
        return rng.random() < 0.4
    if field.type == "int":
        return rng.randrange(0, 10)
    size = rng.lognormvariate(2, 0.7)
    if field.type == "double":
        return round(size, 2)
    digits, scale = _digits(field.type)
    return round(min(size, 10 ** (digits - scale) - 1), min(scale, 2))


# ---- the model -------------------------------------------------------------------------------------------------------


def _linear_fit(x: NDArray[np.float64], y: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Least squares with a small ridge; the mean where there is next to nothing to learn."""
    if len(y) < 2:
        mean = float(y.mean()) if len(y) else 0.0
        return lambda rows: np.full(len(rows), mean)
    prepared = _standardised(x)
    inputs = prepared(x)
    ridge = np.diag([1e-6, *[1.0] * x.shape[1]])
    weights = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ y)
    return lambda rows: prepared(rows) @ weights


def _standardised(x: NDArray[np.float64]) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Columns as deviations from their means, cut at five, behind a column of ones."""
    middle, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)

    def prepared(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack((np.ones(len(rows)), np.clip((rows - middle) / spread, -5, 5)))

    return prepared


def _logistic_fit(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A logistic regression with a small ridge, by Newton's method; the share of positives where there is one class."""
    if len(y) < 2 or y.min() == y.max():
        share = float(y.mean()) if len(y) else 0.5
        return lambda rows: np.full(len(rows), share)
    prepared = _standardised(x)
    inputs = prepared(x)
    weights = np.zeros(inputs.shape[1])
    ridge = np.diag([1e-6, *[1.0] * x.shape[1]])
    for _ in range(20):
        chance = _logistic(inputs @ weights)
        slope = inputs.T @ (y - chance) - ridge @ weights
        curve = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + ridge
        weights = weights + np.linalg.solve(curve, slope)
    return lambda rows: _logistic(prepared(rows) @ weights)


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def _matrix(table: pa.Table, names: Sequence[str]) -> NDArray[np.float64]:
    return np.array([table.column(n).to_pylist() for n in names], dtype=float).T.reshape(table.num_rows, len(names))


# ---- small things ----------------------------------------------------------------------------------------------------


def _mapped(dimension: Dimension, texts: Sequence[str | None]) -> tuple[list[str], list[str]]:
    """The values of a dimension in order, and what each text becomes: as gold admits and maps them."""
    values = {v.strip().lower(): v.strip() for v in dimension.values or ()}
    column = []
    for text in texts:
        same = (text or "").strip()
        identity = same.lower()
        if not same:
            column.append(UNKNOWN)
            continue
        fresh = identity not in values and identity not in LAST_ORDER
        if fresh and dimension.values is None and len(values) < dimension.limit:
            values[identity] = same
        column.append(values.get(identity, OTHER))
    return list(values.values()), column


def _dimension_rows(values: Sequence[str]) -> Rows:
    return tuple(
        {"key": v, "label": v, "order": LAST_ORDER.get(v, place)} for place, v in enumerate((*values, *LAST_ORDER))
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _only(found: Any, *kinds: type) -> Any:
    if not isinstance(found, kinds):
        raise TypeError(f"{found!r} is not {kinds}")
    return found


def _start(bucket_no: int, case: UseCase) -> datetime:
    return datetime.fromtimestamp(bucket_no * case.bucket_seconds, UTC).replace(tzinfo=None)


def _sql(spark: str) -> str:
    return f"({for_duckdb(spark)})"


def _rounded(value: Any) -> Any:
    # Sums of doubles in another order differ in their last digits, and the file would differ with them.
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[Row]:
    names = [d[0] for d in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


_ARROW_TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
}


def _arrow(rows: Sequence[Row], types: Mapping[str, str]) -> pa.Table:
    return pa.table({name: pa.array([r[name] for r in rows], _arrow_type(kind)) for name, kind in types.items()})


def _arrow_type(kind: str) -> pa.DataType:
    if kind.startswith("decimal"):
        return pa.decimal128(*_digits(kind))
    return _ARROW_TYPES[kind]


def _digits(kind: str) -> tuple[int, int]:
    """Digits, and how many of them after the point, of a type `decimal(p,s)`."""
    digits, scale = kind[len("decimal(") : -1].split(",")
    return int(digits), int(scale)


def _duckdb_type(kind: str) -> str:
    return {"string": "VARCHAR"}.get(kind, kind)
