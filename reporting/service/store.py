"""What the local service keeps, in one SQLite file: datasets, tables, rows, sequence numbers. Not for limits or HTTP.

One connection behind one lock: requests take turns, which is what makes a POST of rows all or nothing.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from reporting.powerbi.limits import MAX_ROWS_BASIC_FIFO, MAX_ROWS_NO_RETENTION
from reporting.service.problems import bad_request, no_such_dataset, no_such_table
from reporting.service.values import row_text, rows_of

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
create table if not exists sequence_numbers (
    table_no integer not null, client text not null, number integer not null, primary key (table_no, client));
"""


@dataclass(frozen=True)
class StoredTable:
    """A table: `stored` counts every row ever accepted, `held` those still there."""

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


class Store:
    """Datasets and rows on disk. `file` is created when missing; `clock` gives seconds since the epoch."""

    def __init__(self, file: Path, clock: Callable[[], float]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        # A laptop's power cut may take the newest rows, never the file; fsync on every POST would be what is measured.
        self._db.execute("pragma synchronous = normal")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, one at a time."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def create_dataset(self, workspace: str, definition: dict[str, Any], retention: str) -> StoredDataset:
        """A new dataset from a checked definition. Names need not be unique: the service allows twins."""
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
        """One dataset, of a workspace or (None) of any; a Problem of 404 if it is not there."""
        with self._lock:
            row = self._db.execute("select * from datasets where id = ?", (dataset,)).fetchone()
        if row is None or workspace not in (None, row[1]):
            raise no_such_dataset(dataset)
        return _dataset(row)

    def delete_dataset(self, dataset: str) -> None:
        with self.transaction() as db:
            for (no,) in db.execute("select no from tables where dataset = ?", (dataset,)).fetchall():
                db.execute("delete from rows where table_no = ?", (no,))
                db.execute("delete from sequence_numbers where table_no = ?", (no,))
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
        """One table, by its exact name; a Problem of 404 if it is not there."""
        with self._lock:
            row = self._db.execute(
                "select no, dataset, name, columns, measures, stored, held from tables where dataset = ? and name = ?",
                (dataset, name),
            ).fetchone()
        if row is None:
            raise no_such_table(name)
        return _table(row)

    def put_table(self, table: StoredTable, definition: dict[str, Any]) -> StoredTable:
        """New columns and measures. The type of a column that rows use cannot change (assumption)."""
        types = {c["name"]: c["dataType"] for c in table.columns}
        for column in definition["columns"]:
            before = types.get(column["name"], column["dataType"])
            if table.held and before != column["dataType"]:
                raise bad_request(f"column {column['name']!r} is {before} and holds rows; its type cannot change")
        with self.transaction() as db:
            db.execute(
                "update tables set columns = ?, measures = ? where no = ?",
                (_json(definition["columns"]), _json(definition["measures"]), table.no),
            )
        return self.table(table.dataset, table.name)

    def add_rows(
        self,
        table: StoredTable,
        retention: str,
        content: bytes,
        sequence: tuple[str, int] | None,
        admit: Callable[[sqlite3.Connection, int], None],
    ) -> int:
        """Stores the rows in a POST's body, drops the oldest under basicFIFO, returns how many came.

        `sequence` is (client, number). `admit(connection, rows)` runs in the same transaction and may refuse with a
        Problem (the limits). Nothing is stored unless all of it is.
        """
        texts = [row_text(r) for r in rows_of(content, table.columns)]
        with self.transaction() as db:
            admit(db, len(texts))
            row = db.execute("select stored, held from tables where no = ?", (table.no,)).fetchone()
            if row is None:
                raise no_such_table(table.name)
            stored, held = row
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
            if sequence is not None:
                db.execute(
                    "insert into sequence_numbers values (?, ?, ?)"
                    " on conflict (table_no, client) do update set number = max(number, excluded.number)",
                    (table.no, *sequence),
                )
        return len(texts)

    def delete_rows(self, table: StoredTable) -> None:
        """All rows of a table go. Sequence numbers stay (assumption)."""
        with self.transaction() as db:
            db.execute("delete from rows where table_no = ?", (table.no,))
            db.execute("update tables set held = 0 where no = ?", (table.no,))

    def sequence_numbers(self, table: StoredTable) -> list[tuple[str, int]]:
        """(client, highest number) for each client that sent one."""
        with self._lock:
            return self._db.execute(
                "select client, number from sequence_numbers where table_no = ? order by client", (table.no,)
            ).fetchall()

    def rows_text(self, table: StoredTable, after: int, limit: int) -> tuple[list[bytes], int]:
        """Rows as JSON texts in the order they came, those after number `after`, and the last one's number."""
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
