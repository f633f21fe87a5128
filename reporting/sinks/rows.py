"""Turns a batch into the rows of the model's tables. Pure: no disk, no network, no sink's limits.

Rows are dicts by column name, with gold's values until `converted` turns them into those of a destination. The only
state is in `Totals`, which holds cumulative sums and is changed by `add`.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from livegold.reporting.errors import SpecificationError
from livegold.reporting.measures import add
from livegold.reporting.powerbi import data_type, dimension_columns, fact_columns
from livegold.reporting.schema import (
    COMPLETE_TICK,
    FACT_TABLES,
    LEFT_OUT,
    PREDICTIONS,
    PULSE,
    SPOTLIGHT,
    TICK,
    TOTALS,
    UNKNOWN,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.semantic import slicing_tables
from livegold.reporting.sinks.values import NULLED, Ranges, converter
from livegold.reporting.specification import UseCase

# Otherwise a batch after a long silence would send a row for every silent bucket; nobody looks at more than a day of
# minutes.
MAX_SILENT_BUCKETS = 1_440

Row = dict[str, Any]


class RowMaker:
    """Makes the rows of all tables of one use case except Totals. `ranges` are the values the destination accepts."""

    def __init__(self, case: UseCase, ranges: Ranges) -> None:
        self._case = case
        self._ranges = ranges
        columns = {table: fact_columns(case, table) for table in FACT_TABLES}
        columns[PREDICTIONS] = tuple(c for c in case.prediction_columns if c.name not in WRITTEN_BY_GOLD)
        columns |= dict.fromkeys(slicing_tables(case).values(), dimension_columns())
        self._converters = {
            table: [(c.name, converter(data_type(c.type), ranges)) for c in found] for table, found in columns.items()
        }
        self._dimensions = tuple(d.name for d in case.all_dimensions)
        self._merge = {a.name: a.merge for a in case.aggregates}

    def merged_pulse(self, pulse: pa.Table, counts: Counter[str]) -> list[Row]:
        """Rows with gold's values, one per bucket and combination of dimension values, ordered by bucket."""
        keys = ("bucket_no", *self._dimensions)
        wanted = self._in_range(_present(pulse, ["bucket", *keys, *self._merge], PULSE), counts)
        rows: dict[tuple[Any, ...], Row] = {}
        for row in wanted.to_pylist():
            for name in self._dimensions:
                # Rows written before gold had the dimension.
                row[name] = UNKNOWN if row[name] is None else row[name]
            key = tuple(row[k] for k in keys)
            before = rows.setdefault(key, row)
            if before is not row:
                for name, how in self._merge.items():
                    before[name] = _merged(how, before[name], row[name])
        return sorted(rows.values(), key=lambda r: r["bucket_no"])

    def silent_buckets(self, rows: Sequence[Row], newest: int | None) -> list[Row]:
        """Rows of zeros for the empty buckets between the newest bucket seen so far and the newest in `rows`.

        For the first batch they start at the oldest bucket in `rows`: late events leave gaps between buckets.
        """
        if not rows:
            return []
        here = {row["bucket_no"] for row in rows}
        last = max(here)
        first = max(min(here) if newest is None else newest + 1, last - MAX_SILENT_BUCKETS)
        return [_zeros(self._case, number) for number in range(first, last) if number not in here]

    def spotlight(self, spotlight: pa.Table) -> list[Row]:
        """Rows of spotlight, the most severe and newest first."""
        rows: list[Row] = _present(spotlight, self._names(SPOTLIGHT), SPOTLIGHT).to_pylist()
        rows.sort(key=lambda r: (r["severity"] or 0.0, r["event_time"]), reverse=True)
        return rows

    def predictions(self, predictions: pa.Table) -> Iterator[Row]:
        """Rows of predictions as in gold, in the same order."""
        for part in _present(predictions, self._names(PREDICTIONS), PREDICTIONS).to_batches(max_chunksize=10_000):
            yield from part.to_pylist()

    def converted(self, table: str, rows: Iterable[Row], counts: Counter[str]) -> Iterator[Row]:
        """Rows of a table with values the destination accepts; those that had to be changed are counted in `counts`."""
        converters = self._converters[table]
        return ({name: convert(row[name], counts) for name, convert in converters} for row in rows)

    def dimensions(
        self, tables: Mapping[str, pa.Table], rows: Iterable[Row], known: Mapping[str, Mapping[str, int]]
    ) -> dict[str, list[Row]]:
        """By dimension, rows for the values that are not `known`: those handed over and those used in `rows`.

        The choices of the task's parameters are rows of the same form, all of them sent the first time.
        """
        used = list(rows)
        found: dict[str, list[Row]] = {}
        for name in self._dimensions:
            fresh: dict[str, Row] = {}
            old = known.get(name, {})
            for row in tables[name].to_pylist() if name in tables else []:
                if row["key"] not in old:
                    kept = {"key": row["key"], "label": row.get("label") or row["key"], "order": row.get("order")}
                    fresh.setdefault(row["key"], kept)
            last = max([*old.values(), *(r["order"] or 0 for r in fresh.values())], default=-1)
            for row in used:
                key = row[name]
                if key is not None and key not in old and key not in fresh:
                    last += 1
                    fresh[key] = {"key": key, "label": key, "order": last}
            if fresh:
                found[name] = list(fresh.values())
        for parameter in self._case.task.parameters:
            if parameter.name not in known:
                found[parameter.name] = list(parameter.rows())
        return found

    def _names(self, table: str) -> list[str]:
        return [name for name, _ in self._converters[table]]

    def _in_range(self, table: pa.Table, counts: Counter[str]) -> pa.Table:
        """Nulls sums the destination would reject: once merged or added up, they would invalidate others."""
        for name in self._merge if table.num_rows else ():
            column = table.column(name)
            fits = _fits(column, self._ranges)
            refused = 0 if fits is None else pc.sum(pc.invert(fits)).as_py() or 0
            if refused:
                counts[NULLED] += refused
                kept = pc.if_else(fits, column, pa.scalar(None, column.type))
                table = table.set_column(table.column_names.index(name), name, kept)
        return table


class Totals:
    """Cumulative sums per combination of dimension values, exact for integers and decimals."""

    def __init__(self, case: UseCase, saved: Mapping[str, str]) -> None:
        self._dimensions = tuple(d.name for d in case.all_dimensions)
        own = (TICK, COMPLETE_TICK, LEFT_OUT, *self._dimensions)
        self._sums = tuple(c for c in fact_columns(case, TOTALS) if c.name not in own)
        # By name: a use case that gained an aggregate still finds the sums of the others.
        self._values = {key: self._decoded(value) for key, value in saved.items()}

    def add(self, rows: Iterable[Row]) -> dict[str, str]:
        """Adds rows of merged pulse; returns what changed, in the form kept on disk."""
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row[d] for d in self._dimensions), []).append(row)
        changed: dict[str, str] = {}
        for values_of_dimensions, group in groups.items():
            key = json.dumps(values_of_dimensions, ensure_ascii=False)
            values = self._values.setdefault(key, [0] * len(self._sums))
            for i, column in enumerate(self._sums):
                values[i] = _plus(values[i], (row[column.name] for row in group))
            changed[key] = self._encoded(values)
        return changed

    def __len__(self) -> int:
        """The number of rows in a tick before the next `add`."""
        return len(self._values)

    def rows(self, tick: int, left_out: int) -> list[Row]:
        """All rows of a tick; the last row alone has its number as `complete_tick`, and `left_out`."""
        rows: list[Row] = []
        for key, values in self._values.items():
            named = dict(zip((c.name for c in self._sums), values, strict=True))
            rows.append(
                {
                    TICK: tick,
                    COMPLETE_TICK: 0,
                    LEFT_OUT: 0,
                    **dict(zip(self._dimensions, json.loads(key), strict=True)),
                    **named,
                }
            )
        if rows:
            rows[-1] |= {COMPLETE_TICK: tick, LEFT_OUT: left_out}
        return rows

    def _encoded(self, values: list[Any]) -> str:
        named = zip((c.name for c in self._sums), values, strict=True)
        return json.dumps({name: str(v) if isinstance(v, Decimal) else v for name, v in named})

    def _decoded(self, text: str) -> list[Any]:
        saved = json.loads(text)
        values = (saved.get(c.name, 0) for c in self._sums)
        return [Decimal(v) if isinstance(v, str) else v for v in values]


def zero_pulse_row(case: UseCase, at: dt.datetime, ranges: Ranges) -> Row:
    """A row of Pulse with no events, for the bucket of a time, as it is sent."""
    row = _zeros(case, int(at.timestamp()) // case.bucket_seconds)
    return next(RowMaker(case, ranges).converted(PULSE, [row], Counter()))


def _zeros(case: UseCase, bucket_no: int) -> Row:
    return {
        "bucket": dt.datetime.fromtimestamp(bucket_no * case.bucket_seconds, dt.UTC),
        "bucket_no": bucket_no,
        **{d.name: UNKNOWN for d in case.all_dimensions},
        **{a.name: 0 if a.merge == "sum" else None for a in case.aggregates},
    }


def sums_of(rows: Iterable[Row], columns: Sequence[str]) -> str:
    """The sums of columns over rows as JSON, with decimals as text: what the ledger keeps of a chunk of Pulse."""
    rows = list(rows)
    total = {name: _plus(0, (row[name] for row in rows), finite=False) for name in columns}
    return json.dumps({k: str(v) if isinstance(v, Decimal) else v for k, v in total.items()})


def _plus(before: Any, values: Iterable[Any], *, finite: bool = True) -> Any:
    """`before` plus all values that are not None; `finite` also skips NaN and infinities, which would spoil it."""
    there = [v for v in values if v is not None and not (finite and isinstance(v, float) and not math.isfinite(v))]
    if type(before) is int and all(type(v) is int for v in there):
        return before + sum(there)
    return functools.reduce(add, there, before)


def _present(table: pa.Table, columns: Sequence[str], what: str) -> pa.Table:
    missing = [c for c in columns if c not in table.column_names]
    if missing and table.num_rows:
        raise SpecificationError(
            f"{what} of a batch has no column {missing[0]!r}: gold was written by another use case"
        )
    return table.select([c for c in columns if c in table.column_names])


def _fits(column: pa.ChunkedArray, ranges: Ranges) -> pa.ChunkedArray | None:
    """Which values are in range; None if all values of the type are."""
    if pa.types.is_floating(column.type):
        return pc.and_(pc.is_finite(column), pc.less(pc.abs(column), ranges.doubles))
    if pa.types.is_integer(column.type):
        return pc.and_(pc.greater_equal(column, ranges.integers[0]), pc.less_equal(column, ranges.integers[1]))
    most = ranges.whole_digits
    kind = column.type
    if most is not None and pa.types.is_decimal(kind) and kind.precision - kind.scale > most:
        return pc.less(pc.abs(column), pa.scalar(Decimal(10) ** most, kind))
    return None


def _merged(how: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return left if right is None else right
    if how == "sum":
        return add(left, right)
    return min(left, right) if how == "min" else max(left, right)
