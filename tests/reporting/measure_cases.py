"""Random predictions, measures and filters, and the tables that are made of them. No tests in here.

Doubles are whole quarters of moderate size, so every order of addition gives the same double and a root or a division
near its edge (zero, negative) falls on the same side in every rendering; what is left is equality within 1e-9.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import strategies as st

from livegold.reporting.measures.context import Among, Between, Filter
from livegold.reporting.measures.measure import (
    Aggregate,
    AllTime,
    ByBucket,
    Count,
    CountIf,
    CountOf,
    Expression,
    Max,
    Measure,
    Min,
    Sum,
    TrailingWindow,
    distinct_aggregates,
    mean,
    sqrt,
)
from livegold.reporting.measures.python import partial_rows
from livegold.reporting.schema import COMPLETE_TICK, TICK

BUCKET_SECONDS = 60
FIRST_BUCKET = 29_000_000  # a minute in 2025
BUCKETS = 6
DIMENSIONS = {"borough": ("Bronx", "Queens", "unknown"), "payment": ("cash", "card")}
COLUMN_TYPES = {
    "tp": pa.bool_(),
    "unknown": pa.bool_(),
    "passengers": pa.int64(),
    "fare": pa.decimal128(10, 2),
    "miles": pa.float64(),
}


def bucket_start(bucket_no: int) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=bucket_no * BUCKET_SECONDS)


@st.composite
def predictions(draw: st.DrawFn) -> dict[str, Any]:
    bucket_no = FIRST_BUCKET + draw(st.integers(0, BUCKETS - 1))
    maybe = lambda values: draw(st.none() | values)  # noqa: E731
    return {
        "bucket": bucket_start(bucket_no),
        "bucket_no": bucket_no,
        **{name: draw(st.sampled_from(values)) for name, values in DIMENSIONS.items()},
        "tp": maybe(st.booleans()),
        "unknown": maybe(st.booleans()),
        "passengers": maybe(st.integers(-3, 9)),
        "fare": maybe(st.integers(-9_999, 99_999).map(lambda cents: Decimal(cents) / 100)),
        "miles": maybe(st.integers(-40, 400).map(lambda quarters: quarters / 4)),
    }


# A batch of any of the buckets: rows of old buckets in later batches are late events. Batches may be empty.
some = st.lists(predictions(), min_size=4, max_size=10)
batches = st.tuples(some | st.just([]), some, some | st.just([]))

numeric = st.sampled_from(["passengers", "fare", "miles"])
additive = (
    st.just(Count())
    | st.sampled_from(["tp", "unknown"]).map(CountIf)
    | st.sampled_from(list(COLUMN_TYPES)).map(CountOf)
    | numeric.map(Sum)
)
extremes = numeric.map(Min) | numeric.map(Max)
constants = st.integers(-9, 9) | st.sampled_from([0.5, -2.0, 1.25, 1e-05])


def expressions(aggregates: st.SearchStrategy[Aggregate]) -> st.SearchStrategy[Expression]:
    def combined(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        operations = st.sampled_from(["+", "-", "*", "/"])
        return (
            st.tuples(operations, inner, inner).map(_apply)
            | st.tuples(operations, inner, constants).map(_apply)
            | st.tuples(operations, constants, inner).map(_apply)
            | inner.map(sqrt)
        )

    return st.recursive(aggregates | numeric.map(mean), combined, max_leaves=5)


def _apply(parts: tuple[str, Any, Any]) -> Expression:
    operation, left, right = parts
    if operation == "+":
        return left + right
    if operation == "-":
        return left - right
    return left * right if operation == "*" else left / right


windows = st.sampled_from([1, 2, 3, BUCKETS + 2]).map(TrailingWindow)


@st.composite
def measures(draw: st.DrawFn, *, push: bool = False) -> list[Measure]:
    """A bare aggregate and a random expression, each in every scope; with `push`, only what a push dataset can have."""
    plain, expression = draw(additive), draw(expressions(additive | extremes))
    asked = [
        Measure(f"m{number}{kind}", asked_for, scope)
        for number, asked_for in enumerate([plain, expression])
        for kind, scope in (("so far", AllTime()), ("last", draw(windows)), ("by bucket", ByBucket()))
    ]
    return [m for m in asked if not push or m.scope != AllTime() or all(a.additive for a in m.aggregates)]


bucket_numbers = st.integers(FIRST_BUCKET - 1, FIRST_BUCKET + BUCKETS)
filters: st.SearchStrategy[list[Filter]] = st.lists(
    st.sampled_from(sorted(DIMENSIONS)).flatmap(
        lambda d: st.lists(st.sampled_from([*DIMENSIONS[d], "nowhere"]), max_size=2, unique=True).map(
            lambda values: Among(d, tuple(values))
        )
    )
    | st.builds(Between, bucket_numbers)
    | st.builds(Between, st.none() | bucket_numbers, bucket_numbers),
    max_size=2,
)
groupings = st.sampled_from(
    [(), ("borough",), ("payment", "borough"), ("bucket",), ("bucket_no", "payment"), ("borough", "payment", "bucket")]
)


def pulse_of(batches: Iterable[Sequence[dict]], measures: Sequence[Measure]) -> list[dict]:
    """Pulse as gold has it after these batches: the partial sums of each, appended."""
    aggregates = distinct_aggregates(measures)
    return [row for batch in batches for row in partial_rows(aggregates, batch, tuple(DIMENSIONS))]


def totals_of(batches: Sequence[Sequence[dict]], asked: Sequence[Measure]) -> list[dict]:
    """Totals after these batches: a complete tick for each, between ticks that were cut or are in doubt."""
    additive = [a for a in distinct_aggregates(asked) if a.additive]
    rows: list[dict] = []
    tick = 0
    for number in range(1, len(batches) + 1):
        so_far = pulse_of(batches[:number], asked)
        combinations = list(dict.fromkeys(tuple(r[d] for d in DIMENSIONS) for r in so_far))
        for whole in (False, True, False):
            tick += 1
            of_tick = []
            for combination in combinations:
                mine = [r for r in so_far if tuple(r[d] for d in DIMENSIONS) == combination]
                of_tick.append(
                    {"tick": tick, "complete_tick": 0}
                    | dict(zip(DIMENSIONS, combination, strict=True))
                    | {a.name: a.of_partials(mine) for a in additive}
                )
            if whole and of_tick:
                of_tick[-1]["complete_tick"] = tick
            rows += of_tick if whole else [*of_tick[:-1], *of_tick[:1]]
    return rows


def silent_rows(bucket_nos: Iterable[int], measures: Sequence[Measure]) -> list[dict]:
    """What a sink sends for buckets in which nothing came: zeros (and no minimum)."""
    return [
        {"bucket": bucket_start(n), "bucket_no": n}
        | {name: "unknown" if "unknown" in values else values[0] for name, values in DIMENSIONS.items()}
        | {a.name: 0 if a.additive else None for a in distinct_aggregates(measures)}
        for n in bucket_nos
    ]


def bucket_rows(bucket_nos: Iterable[int]) -> list[dict]:
    return [{"bucket": bucket_start(n), "bucket_no": n} for n in bucket_nos]


def aggregate_type(aggregate: Aggregate) -> pa.DataType:
    if isinstance(aggregate, Count | CountIf | CountOf):
        return pa.int64()
    column = COLUMN_TYPES[aggregate.columns[0]]
    # Spark widens a decimal by ten digits when it sums it.
    return pa.decimal128(20, 2) if isinstance(aggregate, Sum) and pa.types.is_decimal(column) else column


def arrow_table(rows: Sequence[dict], value_types: dict[str, pa.DataType], dimensions: bool = True) -> pa.Table:
    schema = {"bucket": pa.timestamp("us"), "bucket_no": pa.int64()}
    if dimensions:
        schema |= dict.fromkeys(DIMENSIONS, pa.string())
    schema |= value_types
    if not rows:
        return pa.schema(list(schema.items())).empty_table()
    columns = {name: pa.array([_typed(row[name], kind) for row in rows], type=kind) for name, kind in schema.items()}
    return pa.table(columns)


def _typed(value: Any, kind: pa.DataType) -> Any:
    """A sum over nothing is the whole number 0, whatever the type of the column."""
    if value is None or not isinstance(value, int):
        return value
    return Decimal(value) if pa.types.is_decimal(kind) else float(value) if pa.types.is_floating(kind) else value


def database(
    rows: Sequence[dict],
    pulse: Sequence[dict],
    measures: Sequence[Measure],
    buckets: Sequence[dict] = (),
    totals: Sequence[dict] = (),
) -> duckdb.DuckDBPyConnection:
    """An in-memory database with the tables predictions, pulse, buckets and totals."""
    connection = duckdb.connect(config={"threads": 1, "autoinstall_known_extensions": False})
    connection.register("predictions", arrow_table(rows, COLUMN_TYPES))
    value_types = {a.name: aggregate_type(a) for a in distinct_aggregates(measures)}
    connection.register("pulse", arrow_table(pulse, value_types))
    connection.register("buckets", arrow_table(buckets, {}, dimensions=False))
    ticks = {TICK: pa.int64(), COMPLETE_TICK: pa.int64()}
    sums = {a.name: aggregate_type(a) for a in distinct_aggregates(measures) if a.additive}
    # Rows of Totals have no time.
    timeless = [{"bucket": None, "bucket_no": None, **row} for row in totals]
    connection.register("totals", arrow_table(timeless, {**ticks, **sums}))
    return connection


def answers(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def keyed(rows: Iterable[dict], by: Sequence[str]) -> dict[tuple, dict]:
    """Rows by their group; a group that is there twice is an error."""
    result: dict[tuple, dict] = {}
    for row in rows:
        key = tuple(row[b] for b in by)
        assert key not in result, f"group {key} twice"
        result[key] = row
    return result


def assert_same_value(found: Any, expected: Any, exact: bool, place: str) -> None:
    if expected is None or found is None:
        assert found is expected, f"{place}: {found!r} instead of {expected!r}"
    elif exact:
        assert found == expected, f"{place}: {found!r} instead of {expected!r}"
    else:
        close = math.isclose(float(found), float(expected), rel_tol=1e-9, abs_tol=1e-9)
        assert close, f"{place}: {found!r} instead of {expected!r}"


def assert_same_answer(
    found: Iterable[dict], expected: Iterable[dict], measures: Sequence[Measure], by: Sequence[str]
) -> None:
    got, wanted = keyed(found, by), keyed(expected, by)
    assert set(got) == set(wanted)
    for key, measure in itertools.product(wanted, measures):
        exact = not measure.expression.is_double
        assert_same_value(got[key][measure.name], wanted[key][measure.name], exact, f"{measure} in {key}")
