"""SQL on the tables of the lake without Spark: delta-rs reads, DuckDB executes. Read-only, and restricted to the lake.

A table is `<use case>.<table>`: predictions, pulse, spotlight, one per dimension, raw and quarantine. If the lake holds
only one use case, the table name alone suffices.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler
from pyarrow import fs

from livegold.reporting.errors import LivegoldError, NotFound, WrongUse, choices
from livegold.reporting.lake.paths import Lake
from livegold.reporting.schema import QUARANTINE_TABLE, RAW_TABLE
from livegold.reporting.settings import Settings

STORAGE_PREFIXES = ("AZURE_", "AWS_", "GOOGLE_")
"""Environment variables with these prefixes are options of a remote lake (delta-rs, Usage: loading a Delta table)."""
LOG = "_delta_log"

_SHOW_TABLES = re.compile(r"\s*show\s+(all\s+)?tables\s*;?\s*", re.IGNORECASE)
_NO_TABLE = re.compile(r'Table with name "?(.+?)"? does not exist')
_TIMES_ARE_UTC = "SET TimeZone = 'UTC'"
# Without these a query could load code or read any Python objects and files within reach.
_LOCKS = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def delta_tables(settings: Settings) -> dict[str, dict[str, str]]:
    """Use case -> table -> path (or URL) of every Delta table under the lake, both in alphabetical order."""
    listing = _Listing(settings.lake)
    cases = {name for room in ("gold", RAW_TABLE, QUARANTINE_TABLE) for name in listing.folders(room)}
    found: dict[str, dict[str, str]] = {}
    for case in sorted(cases):
        lake = Lake.of(settings, case)
        tables = {name: lake.dimension(name) for name in listing.tables(f"gold/{case}")}
        for room, path in ((QUARANTINE_TABLE, lake.quarantine), (RAW_TABLE, lake.raw)):
            if case in listing.tables(room):
                tables.setdefault(room, path)
        if tables:
            found[case] = dict(sorted(tables.items()))
    return found


def open_table(path: str, version: int | None = None) -> DeltaTable:
    """The Delta table at a path or URL, now or at a version. Raises NotFound if there is none."""
    try:
        return DeltaTable(path, version=version, storage_options=storage_options(path))
    except TableNotFoundError:
        raise NotFound(f"table {path} does not exist: `livegold run` creates it") from None
    except DeltaError as error:
        raise LivegoldError(f"table {path} cannot be opened: {_one_line(error)}") from error


def storage_options(path: str, environment: Mapping[str, str] | None = None) -> dict[str, str] | None:
    """The options delta-rs needs to access a URL, from the environment; None for a path."""
    if "://" not in path:
        return None
    environment = os.environ if environment is None else environment
    return {name: value for name, value in environment.items() if name.startswith(STORAGE_PREFIXES)}


def arrow_dataset(table: DeltaTable) -> Any:
    """The rows of a table as an Arrow dataset, read lazily."""
    try:
        return table.to_pyarrow_dataset()
    except DeltaError as error:
        raise LivegoldError(f"table {table.table_uri} cannot be read without Spark: {_one_line(error)}") from error


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty in-memory DuckDB whose times are UTC; always closed, since an open scan would hang the exit."""
    connection = duckdb.connect()
    try:
        connection.execute(_TIMES_ARE_UTC)
        yield connection
    finally:
        connection.close()


def query(settings: Settings, sql: str) -> pa.Table:
    """The result of one SELECT, WITH, DESCRIBE or SHOW; times are UTC.

    Raises WrongUse for any other statement, for a table that does not exist and for whatever DuckDB rejects.
    """
    if _SHOW_TABLES.fullmatch(sql):
        names = [f"{case}.{table}" for case, tables in delta_tables(settings).items() for table in tables]
        return pa.table({"table": pa.array(names, pa.string())})
    with database() as connection:
        there: dict[str, dict[str, str]] = {}
        try:
            _check_reads(connection, sql)
            there = delta_tables(settings)
            for case, table, path in _mentioned(there, sql):
                _make_view(connection, case, table, arrow_dataset(open_table(path)), alone=len(there) == 1)
            for lock in _LOCKS:
                connection.execute(lock)
            return connection.sql(sql).to_arrow_table()
        except duckdb.CatalogException as error:
            missing = _NO_TABLE.search(str(error))
            if missing:
                name = missing[1]
                raise WrongUse(f"sql: table {name} does not exist: {_there(there, settings.lake)}") from None
            raise WrongUse(f"sql: {_one_line(error)}") from None
        except duckdb.Error as error:
            raise WrongUse(f"sql: {_one_line(error)}") from None


def _check_reads(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise WrongUse(f"sql: {len(statements)} statements were given: give one")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = str(statements[0].type).removeprefix("StatementType.")
        raise WrongUse(f"sql: {kind} is not for here, the lake is only read: give SELECT, WITH, DESCRIBE or SHOW")


def _mentioned(tables: Mapping[str, Mapping[str, str]], sql: str) -> list[tuple[str, str, str]]:
    """The tables whose names occur anywhere in a statement: opening one that is not read costs little."""
    text = sql.lower()
    return [(case, t, path) for case, own in tables.items() for t, path in own.items() if t in text]


def _there(tables: Mapping[str, Mapping[str, str]], lake: str) -> str:
    if not tables:
        return f"{lake} holds no table yet, `livegold run` creates them"
    return "there are " + "; ".join(choices(f"{case}.{t}" for t in own) for case, own in tables.items())


def _make_view(connection: duckdb.DuckDBPyConnection, case: str, table: str, rows: Any, alone: bool) -> None:
    hidden = f"livegold {case} {table}"
    connection.register(hidden, rows)
    connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{case}"')
    for schema in (case, "main") if alone else (case,):
        connection.execute(f'CREATE VIEW "{schema}"."{table}" AS SELECT * FROM "{hidden}"')


class _Listing:
    """The folders of a lake, local or remote."""

    def __init__(self, lake: str) -> None:
        if "://" in lake:
            self._files: fs.FileSystem = fs.PyFileSystem(DeltaStorageHandler(lake, storage_options(lake)))
        elif Path(lake).is_dir():
            self._files = fs.SubTreeFileSystem(str(Path(lake).resolve()), fs.LocalFileSystem())
        else:
            raise WrongUse(
                f"lake {lake} does not exist: run `livegold run` first, or set LIVEGOLD_HOME or LIVEGOLD_LAKE"
            )

    def folders(self, path: str) -> list[str]:
        try:
            found = self._files.get_file_info(fs.FileSelector(path, allow_not_found=True))
        except OSError as error:
            raise LivegoldError(f"lake: {path} cannot be listed: {_one_line(error)}") from error
        return [f.base_name for f in found if f.type == fs.FileType.Directory]

    def tables(self, path: str) -> list[str]:
        return [name for name in self.folders(path) if LOG in self.folders(f"{path}/{name}")]


def _one_line(error: BaseException) -> str:
    """An engine's message without its excerpt of the SQL."""
    text = str(error).split("\n\nLINE 1:")[0].split("\nLINE 1:")[0]
    return " ".join(text.split())
