"""The local service's storage in one SQLite file: datasets, tables, rows. Not for limits or HTTP.

One connection behind one lock: requests are serialised, which makes a POST of rows all or nothing. Other modules
(sequence numbers, refreshes, ...) create their tables in the same file with `own`; deleting a dataset clears them too.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from livegold.reporting.powerbi.limits import MAX_ROWS_BASIC_FIFO, MAX_ROWS_NO_RETENTION
from livegold.reporting.service.problems import bad_request, no_such_dataset, no_such_table

SCHEMA = """
create table if not exists datasets (
    id text primary key, workspace text not null, name text not null, retention text not null, mode text not null,
    created real not null, relationships text not null);
create table if not exists tables (
    no integer primary key, dataset text not null, name text not null, position integer not null,
    columns text not null, measures text not null, stored integer not null default 0,
    held integer not null default 0, unique (dataset, name));
create table if not exists rows (
    table_no integer not null, no integer not null, body blob not null, primary key (table_no, no)) without rowid;
create table if not exists documents (
    dataset text not null, kind text not null, body text not null, primary key (dataset, kind));
"""
# An imported dataset, which can be refreshed but accepts no rows. No API call creates one, only /_local does.
IMPORTED = "Import"


@dataclass(frozen=True)
class StoredTable:
    """A table: `stored` counts every row ever accepted, `held` those still present."""

    no: int
    dataset: str
    name: str
    columns: list[dict[str, Any]]
    measures: list[dict[str, Any]]
    stored: int
    held: int


@dataclass(frozen=True)
class StoredDataset:
    """A dataset without its tables; `created` is in seconds since the epoch."""

    id: str
    workspace: str
    name: str
    retention: str
    mode: str
    created: float
    relationships: list[dict[str, Any]]

    @property
    def takes_rows(self) -> bool:
        return self.mode != IMPORTED

    @property
    def streams(self) -> bool:
        return self.mode in ("Streaming", "PushStreaming")


class Store:
    """Datasets and rows on disk. `file` is created if missing; `clock` gives seconds since the epoch."""

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        # A power failure may lose the newest rows but never the file; with fsync on every POST, benchmarks would
        # measure that.
        self._db.execute("pragma synchronous = normal")
        self._owned = ["documents"]
        self._rows_deleted: list[Callable[[sqlite3.Connection, StoredTable], None]] = []
        self._db.executescript(SCHEMA)

    def own(self, schema: str, *tables: str) -> None:
        """Creates further tables, each with a column `dataset`: deleting a dataset also deletes its rows there."""
        with self._lock:
            self._db.executescript(schema)
            self._owned += tables

    def on_rows_deleted(self, call: Callable[[sqlite3.Connection, StoredTable], None]) -> None:
        """`call(connection, table)` runs in the transaction that deletes a table's rows."""
        self._rows_deleted.append(call)

    def read(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """All result rows of a query."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all or nothing, one at a time."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def create_dataset(self, workspace: str, definition: dict[str, Any], retention: str) -> StoredDataset:
        """A new dataset from a validated definition. Names need not be unique: the service allows duplicates."""
        dataset = str(uuid.uuid4())
        with self.transaction() as db:
            db.execute(
                "insert into datasets values (?, ?, ?, ?, ?, ?, ?)",
                (
                    dataset,
                    workspace,
                    definition["name"],
                    retention,
                    definition["defaultMode"],
                    self._clock(),
                    _json(definition["relationships"]),
                ),
            )
            for position, table in enumerate(definition["tables"]):
                db.execute(
                    "insert into tables (dataset, name, position, columns, measures) values (?, ?, ?, ?, ?)",
                    (dataset, table["name"], position, _json(table["columns"]), _json(table["measures"])),
                )
        return self.dataset(workspace, dataset)

    def datasets(self, workspace: str) -> list[StoredDataset]:
        with self._lock:
            found = self._db.execute(
                "select * from datasets where workspace = ? order by created, id", (workspace,)
            ).fetchall()
        return [_dataset(row) for row in found]

    def dataset(self, workspace: str | None, dataset: str) -> StoredDataset:
        """One dataset, in a workspace or (None) in any; raises a Problem of 404 if it does not exist."""
        with self._lock:
            row = self._db.execute("select * from datasets where id = ?", (dataset,)).fetchone()
        if row is None or workspace not in (None, row[1]):
            raise no_such_dataset(dataset)
        return _dataset(row)

    def delete_dataset(self, dataset: str) -> None:
        with self.transaction() as db:
            for (no,) in db.execute("select no from tables where dataset = ?", (dataset,)).fetchall():
                db.execute("delete from rows where table_no = ?", (no,))
            for owned in self._owned:
                db.execute(f"delete from {owned} where dataset = ?", (dataset,))
            db.execute("delete from tables where dataset = ?", (dataset,))
            db.execute("delete from datasets where id = ?", (dataset,))

    def tables(self, dataset: str) -> list[StoredTable]:
        with self._lock:
            found = self._db.execute(
                "select no, dataset, name, columns, measures, stored, held from tables"
                " where dataset = ? order by position",
                (dataset,),
            ).fetchall()
        return [_table(row) for row in found]

    def table(self, dataset: str, name: str) -> StoredTable:
        """One table, by its exact name; raises a Problem of 404 if it does not exist."""
        with self._lock:
            row = self._db.execute(
                "select no, dataset, name, columns, measures, stored, held from tables where dataset = ? and name = ?",
                (dataset, name),
            ).fetchone()
        if row is None:
            raise no_such_table(name)
        return _table(row)

    def put_table(self, table: StoredTable, definition: dict[str, Any]) -> StoredTable:
        """Sets columns and measures. Columns of a table with rows cannot be dropped or change type (assumption)."""
        types = {c["name"]: c["dataType"] for c in definition["columns"]}
        with self.transaction() as db:
            row = db.execute("select columns, held from tables where no = ?", (table.no,)).fetchone()
            if row is None:
                raise no_such_table(table.name)
            for before in orjson.loads(row[0]) if row[1] else ():
                after = types.get(before["name"])
                if after is None:
                    raise bad_request(f"column {before['name']!r} holds rows; it cannot go")
                if after != before["dataType"]:
                    kind = before["dataType"]
                    raise bad_request(f"column {before['name']!r} is {kind} and holds rows; its type cannot change")
            db.execute(
                "update tables set columns = ?, measures = ? where no = ?",
                (_json(definition["columns"]), _json(definition["measures"]), table.no),
            )
        return self.table(table.dataset, table.name)

    def add_rows(
        self,
        table: StoredTable,
        retention: str,
        texts: Sequence[bytes],
        admit: Callable[[sqlite3.Connection], bool],
    ) -> int:
        """Stores rows (validated, as JSON texts), drops the oldest under basicFIFO, returns how many were stored.

        `admit(connection)` runs first in the same transaction: if it raises a Problem (the limits) or returns False,
        nothing is stored. Either all rows are stored or none.
        """
        with self.transaction() as db:
            row = db.execute("select stored, held, columns from tables where no = ?", (table.no,)).fetchone()
            if row is None:
                raise no_such_table(table.name)
            stored, held, columns = row
            if orjson.loads(columns) != table.columns:
                raise bad_request(f"table {table.name!r} was changed while the rows came: send them again")
            if not admit(db):
                return 0
            if retention == "None" and held + len(texts) > MAX_ROWS_NO_RETENTION:
                raise bad_request(f"table {table.name!r} holds {held} rows, {MAX_ROWS_NO_RETENTION} at most")
            db.executemany(
                "insert into rows values (?, ?, ?)",
                [(table.no, stored + 1 + i, text) for i, text in enumerate(texts)],
            )
            stored, held = stored + len(texts), held + len(texts)
            if retention == "basicFIFO" and held > MAX_ROWS_BASIC_FIFO:
                db.execute("delete from rows where table_no = ? and no <= ?", (table.no, stored - MAX_ROWS_BASIC_FIFO))
                held = MAX_ROWS_BASIC_FIFO
            db.execute("update tables set stored = ?, held = ? where no = ?", (stored, held, table.no))
        return len(texts)

    def delete_rows(self, table: StoredTable) -> None:
        """Deletes all rows of a table."""
        with self.transaction() as db:
            db.execute("delete from rows where table_no = ?", (table.no,))
            db.execute("update tables set held = 0 where no = ?", (table.no,))
            for call in self._rows_deleted:
                call(db, table)

    def document(self, dataset: str, kind: str) -> dict[str, Any]:
        """The document stored for a dataset under the caller's `kind`; empty if there is none."""
        found = self.read("select body from documents where dataset = ? and kind = ?", (dataset, kind))
        return dict(orjson.loads(found[0][0])) if found else {}

    def put_document(self, dataset: str, kind: str, body: dict[str, Any]) -> None:
        with self.transaction() as db:
            db.execute("insert or replace into documents values (?, ?, ?)", (dataset, kind, _json(body)))

    def rows_text(self, table: StoredTable, after: int, limit: int) -> tuple[list[bytes], int]:
        """Rows after number `after` as JSON texts, in order of arrival, and the last one's number."""
        with self._lock:
            found = self._db.execute(
                "select no, body from rows where table_no = ? and no > ? order by no limit ?", (table.no, after, limit)
            ).fetchall()
        return [body for _, body in found], found[-1][0] if found else after


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _dataset(row: tuple[Any, ...]) -> StoredDataset:
    return StoredDataset(row[0], row[1], row[2], row[3], row[4], row[5], orjson.loads(row[6]))


def _table(row: tuple[Any, ...]) -> StoredTable:
    return StoredTable(row[0], row[1], row[2], orjson.loads(row[3]), orjson.loads(row[4]), row[5], row[6])
