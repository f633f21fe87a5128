"""SQL in Spark's dialect, and its translation for DuckDB where sqlglot alone would change the meaning.

Runs nothing. A timestamp is an instant in both: DuckDB's TIMESTAMPTZ, on a connection whose time zone is UTC.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp

MACROS = (
    "CREATE OR REPLACE TEMP MACRO spark_from_utc(t, zone) AS timezone(zone, timezone('UTC', t::TIMESTAMP))",
    "CREATE OR REPLACE TEMP MACRO spark_to_utc(t, zone) AS timezone('UTC', timezone(zone, t::TIMESTAMP))",
    "CREATE OR REPLACE TEMP MACRO spark_weekday(t) AS isodow(t) - 1",
    "CREATE OR REPLACE TEMP MACRO spark_day_of_week(t) AS dayofweek(t) + 1",
    "CREATE OR REPLACE TEMP MACRO spark_unix_seconds(t) AS CAST(floor(epoch_us(t) / 1000000) AS BIGINT)",
    "CREATE OR REPLACE TEMP MACRO spark_timestamp_seconds(s) AS to_timestamp(s)",
    "CREATE OR REPLACE TEMP MACRO spark_get(list, place) AS list[place + 1]",
    "CREATE OR REPLACE TEMP MACRO spark_int(x) AS TRY_CAST(trunc(TRY_CAST(x AS DOUBLE)) AS INT)",
    # Beyond 2^53 a double has no fraction and would lose digits of an integer.
    "CREATE OR REPLACE TEMP MACRO spark_bigint(x) AS CASE WHEN abs(TRY_CAST(x AS DOUBLE)) < 9007199254740992 "
    "THEN TRY_CAST(trunc(TRY_CAST(x AS DOUBLE)) AS BIGINT) ELSE TRY_CAST(x AS BIGINT) END",
)
"""The macros that `for_duckdb` uses; to be created once per connection."""

_FUNCTIONS = {
    "from_utc_timestamp": "spark_from_utc",
    "to_utc_timestamp": "spark_to_utc",
    # Spark counts from Monday (0) and from Sunday (1), DuckDB from Sunday (0).
    "weekday": "spark_weekday",
    "dayofweek": "spark_day_of_week",
    # sqlglot rounds to the nearest second, Spark rounds down.
    "unix_seconds": "spark_unix_seconds",
    "timestamp_seconds": "spark_timestamp_seconds",
    "get": "spark_get",
}
# Spark truncates a fraction, DuckDB rounds it.
_WHOLE = {exp.DataType.Type.INT: "spark_int", exp.DataType.Type.BIGINT: "spark_bigint"}


@lru_cache(maxsize=4096)
def for_duckdb(sql: str) -> str:
    """Translates a Spark SQL expression to DuckDB, using MACROS."""
    # A parser that does not know these functions leaves their calls as written.
    tree = sqlglot.parse_one(sql, read=_Spark).transform(_translated)
    return tree.sql(dialect="duckdb")


def quoted(name: str) -> str:
    """A quoted column name in Spark SQL."""
    return "`" + name.replace("`", "``") + "`"


def text_literal(text: str) -> str:
    """A string literal in Spark SQL."""
    return exp.Literal.string(text).sql(dialect="spark")


def cast(sql: str, type_: str) -> str:
    """`sql` cast to a Spark type."""
    return f"CAST({sql} AS {type_})"


def _translated(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Anonymous):
        name = _FUNCTIONS.get(str(node.this).lower())
        if name:
            node.set("this", name)
    elif isinstance(node, exp.Cast):
        name = _WHOLE.get(node.to.this)
        if name:
            return exp.Anonymous(this=name, expressions=[node.this.transform(_translated)])
    return node


class _Spark(sqlglot.dialects.Spark):
    class Parser(sqlglot.dialects.Spark.Parser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: build
            for name, build in sqlglot.dialects.Spark.Parser.FUNCTIONS.items()
            if name.lower() not in _FUNCTIONS
        }
