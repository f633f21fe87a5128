"""The rows a preview is computed from, in DuckDB: Pulse, Totals at its newest complete tick, Spotlight, the dimensions.

A source of rows adds them and calls `commit`; the engine reads. This module does not know where they come from.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from livegold.reporting.powerbi import data_type, dimension_columns, fact_columns
from livegold.reporting.schema import COMPLETE_TICK, PULSE, SPOTLIGHT, TICK, TOTALS
from livegold.reporting.semantic import slicing_tables
from livegold.reporting.specification import Column, UseCase

NUMBER = "livegold_row"
"""Number of a row in order of arrival; rows of a first-in-first-out table are dropped by it."""
TICK_NOW = "livegold_totals_now"
REBUILT_SHARE = 0.25
"""A table is rewritten when this share of it was deleted: DuckDB does not free the space of deleted rows."""

_DUCKDB_TYPES = {
    "String": "VARCHAR",
    "Int64": "BIGINT",
    "Double": "DOUBLE",
    "Boolean": "BOOLEAN",
    "DateTime": "TIMESTAMP",
    "Decimal": "DECIMAL(19,4)",
}
_ARROW_TYPES = {
    "String": pa.string(),
    "Int64": pa.int64(),
    "Double": pa.float64(),
    "Boolean": pa.bool_(),
    "DateTime": pa.timestamp("us"),
    "Decimal": pa.decimal128(19, 4),
}


@dataclass(frozen=True)
class Label:
    """A value of a dimension."""

    key: str
    label: str
    order: int | None


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """Columns of a table with the types of the dataset; times are UTC without a zone."""
    return pa.schema([(c.name, _ARROW_TYPES[data_type(c.type)]) for c in columns])


class Tables:
    """The rows of one use case. Hold `lock` while changing rows, or while computing from more than one table.

    With `over_gold` there is no Totals: the totals so far are all of Pulse. `version` increases with every change.
    """

    def __init__(self, case: UseCase, *, over_gold: bool = False) -> None:
        self.case = case
        self.over_gold = over_gold
        self.lock = threading.RLock()
        self.version = 0
        self.newest: int | None = None
        """Number of the newest bucket."""
        self.labels: dict[str, tuple[Label, ...]] = {}
        """The values of each dimension in order, by its name; including the cut-offs."""
        self.orphans: dict[str, frozenset[str]] = {}
        """The keys that facts use but the dimension's table lacks, by the name of the dimension."""
        self._connection = duckdb.connect()
        self._run("SET TimeZone = 'UTC'")
        self._facts = [PULSE, SPOTLIGHT] if over_gold else [PULSE, TOTALS, SPOTLIGHT]
        self._dead = dict.fromkeys(self._facts, 0)
        self._changed: set[str] = set()
        self._met: dict[str, set[str]] = {}
        self.clear()

    def schema(self, table: str) -> pa.Schema:
        """Schema of the rows that `add` accepts."""
        if table in self._facts:
            return arrow_schema(fact_columns(self.case, table))
        return arrow_schema(dimension_columns())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all tables."""
        return (*self._facts, *slicing_tables(self.case).values())

    def is_fact(self, table: str) -> bool:
        return table in self._facts

    def clear(self) -> None:
        """Removes all rows. Like `add` and `drop`, it takes effect with `commit`."""
        with self.lock:
            for table in self._facts:
                self._make(table)
            self._make_tick()
            self.labels = {name: () for name in slicing_tables(self.case)}
            for parameter in self.case.model.task.parameters if self.over_gold else ():
                rows = [Label(str(r["key"]), str(r["label"]), int(r["order"])) for r in parameter.rows()]
                self.labels[parameter.name] = tuple(rows)
            self._met = {d.name: set() for d in self.case.all_dimensions}
            self.newest = None
            self._changed = set(self.names)

    def add(self, table: str, rows: pa.Table, first: int = 0) -> None:
        """Adds rows to a fact table, numbered from `first`, or to a dimension's table."""
        with self.lock:
            self._changed.add(table)
            if table not in self._facts:
                self._add_labels(table, rows.to_pylist())
                return
            for name, met in self._met.items():
                met |= set(pc.unique(rows.column(name)).to_pylist())
            numbers = pa.array(range(first, first + rows.num_rows), pa.int64())
            numbered = rows.append_column(NUMBER, numbers)
            self._connection.register("livegold_new", numbered)
            self._run(f'INSERT INTO "{table}" SELECT * FROM livegold_new')
            self._connection.unregister("livegold_new")

    def drop(self, table: str, up_to: int) -> None:
        """Removes the rows of a fact table with numbers up to `up_to`."""
        with self.lock:
            if table not in self._facts:
                return
            gone = self._value(f'SELECT count(*) FROM "{table}" WHERE "{NUMBER}" <= {up_to}')
            if gone:
                self._delete(table, f'"{NUMBER}" <= {up_to}', gone)
                self._changed.add(table)

    def empty(self, table: str) -> None:
        """Removes all rows of a table."""
        with self.lock:
            self._changed.add(table)
            if table in self._facts:
                self._make(table)
            else:
                self.labels |= {n: () for n, t in slicing_tables(self.case).items() if t == table}

    def commit(self) -> bool:
        """Makes the changes since the last call take effect; returns whether there were any."""
        with self.lock:
            if not self._changed:
                return False
            if TOTALS in self._changed and not self.over_gold:
                self._make_tick()
            if PULSE in self._changed:
                self.newest = self._value(f'SELECT max(bucket_no) FROM "{PULSE}"')
            for name, met in self._met.items():
                self.orphans[name] = frozenset(met - {label.key for label in self.labels[name]})
            self._changed = set()
            self.version += 1
            return True

    def fetch(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query over Pulse, Spotlight and, as TICK_NOW, the newest complete tick of Totals."""
        with self.lock:
            return self._run(sql, values)

    def newest_bucket(self) -> datetime | None:
        """Start (UTC, without a zone) of the newest bucket."""
        with self.lock:
            if self.newest is None:
                return None
            found: datetime = self._value(f'SELECT max(bucket) FROM "{PULSE}" WHERE bucket_no = {self.newest}')
            return found

    def tick(self) -> int | None:
        """The newest complete tick of Totals; None if there is none yet, and over gold."""
        with self.lock:
            if self.over_gold:
                return None
            found = self._value(f'SELECT max("{COMPLETE_TICK}") FROM "{TICK_NOW}"')
            return int(found) if found else None

    def count(self, table: str) -> int:
        """Number of rows held of a fact table."""
        with self.lock:
            return int(self._value(f'SELECT count(*) FROM "{table}"'))

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    def _make(self, table: str) -> None:
        columns = [f'"{c.name}" {_DUCKDB_TYPES[data_type(c.type)]}' for c in fact_columns(self.case, table)]
        self._run(f'CREATE OR REPLACE TABLE "{table}" ({", ".join(columns)}, "{NUMBER}" BIGINT)')
        self._dead[table] = 0

    def _make_tick(self) -> None:
        if self.over_gold:
            return
        newest = self._value(f'SELECT max("{COMPLETE_TICK}") FROM "{TOTALS}"') or 0
        self._run(f'CREATE OR REPLACE TABLE "{TICK_NOW}" AS SELECT * FROM "{TOTALS}" WHERE "{TICK}" = {newest}')
        # Older ticks no longer matter, whatever arrives.
        old = f'"{TICK}" < {newest}'
        gone = self._value(f'SELECT count(*) FROM "{TOTALS}" WHERE {old}')
        if gone:
            self._delete(TOTALS, old, gone)

    def _delete(self, table: str, condition: str, rows: int) -> None:
        self._run(f'DELETE FROM "{table}" WHERE {condition}')
        self._dead[table] += rows
        held = self.count(table)
        if self._dead[table] > 10_000 and self._dead[table] > REBUILT_SHARE * (held + self._dead[table]):
            self._run(f'CREATE TABLE livegold_rebuilt AS SELECT * FROM "{table}"')
            self._run(f'DROP TABLE "{table}"')
            self._run(f'ALTER TABLE livegold_rebuilt RENAME TO "{table}"')
            self._dead[table] = 0

    def _add_labels(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        name = next(n for n, t in slicing_tables(self.case).items() if t == table)
        known = {label.key: label for label in self.labels[name]}
        for row in rows:
            known.setdefault(row["key"], Label(row["key"], row["label"] or row["key"], row["order"]))
        last = max((label.order or 0 for label in known.values()), default=0) + 1
        in_order = sorted(known.values(), key=lambda v: (last if v.order is None else v.order, v.label))
        self.labels[name] = tuple(in_order)

    def _value(self, sql: str) -> Any:
        rows = self._run(sql)
        return rows[0][0] if rows else None

    def _run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        # A result that is not fully read keeps the connection busy.
        return self._connection.execute(sql, list(values)).fetchall()
