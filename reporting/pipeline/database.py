"""Runs the pipeline's SQL in DuckDB where there is no Spark: adds columns to rows and SELECTs over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import duckdb
import pyarrow as pa

from livegold.reporting.errors import LivegoldError
from livegold.reporting.pipeline.dialect import MACROS, for_duckdb
from livegold.reporting.pipeline.query import Columns, Order, Query, Steps

Rows: TypeAlias = duckdb.DuckDBPyRelation


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Prepares a connection so that the output of `for_duckdb` means there what the original means in Spark."""
    connection.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        connection.execute(macro)


class NotForDuckDB(LivegoldError):
    """SQL that DuckDB does not accept; `column` is the one it was for."""

    def __init__(self, column: str, said: str) -> None:
        super().__init__(f"column {column}: DuckDB does not take its SQL ({said})")
        self.column = column
        self.said = said


class Database:
    """Runs the pipeline's SQL on a DuckDB connection, which it prepares."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        prepare(connection)

    def rows(self, table: pa.Table) -> Rows:
        """An Arrow table as a relation; timestamps must be in UTC."""
        return self._connection.from_arrow(table)

    def with_steps(self, rows: Rows, steps: Steps) -> Rows:
        """Adds columns step by step. Raises NotForDuckDB for SQL that DuckDB rejects."""
        for columns in steps:
            rows = self.with_columns(rows, columns)
        return rows

    def with_columns(self, rows: Rows, columns: Columns) -> Rows:
        """Adds or replaces columns. Raises NotForDuckDB for SQL that DuckDB rejects."""
        made = {name: _as(name, sql) for name, sql in columns.items()}
        kept = [made.pop(name, _name(name)) for name in rows.columns]
        try:
            return rows.project(", ".join([*kept, *made.values()]))
        except duckdb.Error:
            for name, sql in columns.items():
                with refused(name):
                    rows.project(_as(name, sql))
            raise

    def select(self, rows: Rows, query: Query) -> Rows:
        """Runs a query. Raises NotForDuckDB for SQL that DuckDB rejects."""
        if query.where:
            with refused("where"):
                rows = rows.filter(for_duckdb(query.where))
        columns = ", ".join(_as(name, sql) for name, sql in query.columns.items())
        with refused(", ".join(query.columns)):
            if query.group_by:
                rows = rows.aggregate(columns, ", ".join(map(_name, query.group_by)))
            if query.order_by:
                rows = rows.order(", ".join(map(_ordered, query.order_by)))
            if query.limit is not None:
                rows = rows.limit(query.limit)
            return rows if query.group_by else rows.project(columns)


@contextmanager
def refused(column: str) -> Iterator[None]:
    """Raises NotForDuckDB naming the column whose SQL DuckDB rejects."""
    try:
        yield
    except duckdb.Error as error:
        raise NotForDuckDB(column, " ".join(str(error).split("LINE 1:")[0].split())) from error


def _as(name: str, sql: str) -> str:
    return f"{for_duckdb(sql)} AS {_name(name)}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _ordered(order: Order) -> str:
    return for_duckdb(order.sql) + (" DESC NULLS LAST" if order.descending else " ASC NULLS FIRST")
