"""A use case's Spark SQL for DuckDB, where sqlglot alone would change what it means. Runs nothing."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlglot
from sqlglot import exp

MACROS = (
    "CREATE MACRO spark_from_utc(t, zone) AS timezone(zone, timezone('UTC', t::TIMESTAMP))",
    "CREATE MACRO spark_to_utc(t, zone) AS timezone('UTC', timezone(zone, t::TIMESTAMP))",
    "CREATE MACRO spark_weekday(t) AS isodow(t) - 1",
    "CREATE MACRO spark_day_of_week(t) AS dayofweek(t) + 1",
)
"""What `for_duckdb` calls; to be run once on a connection."""

_FUNCTIONS = {
    "from_utc_timestamp": "spark_from_utc",
    "to_utc_timestamp": "spark_to_utc",
    # Spark counts from Monday (0) and from Sunday (1), DuckDB from Sunday (0).
    "weekday": "spark_weekday",
    "dayofweek": "spark_day_of_week",
}


def for_duckdb(sql: str) -> str:
    """An expression in Spark SQL as DuckDB has it, with MACROS."""
    # A parser that knows nothing of these functions leaves their calls as they are written.
    tree = sqlglot.parse_one(sql, read=_Spark)
    for call in list(tree.find_all(exp.Anonymous)):
        name = _FUNCTIONS.get(str(call.this).lower())
        if name:
            call.set("this", name)
    return tree.sql(dialect="duckdb")


class _Spark(sqlglot.dialects.Spark):
    class Parser(sqlglot.dialects.Spark.Parser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: build
            for name, build in sqlglot.dialects.Spark.Parser.FUNCTIONS.items()
            if name.lower() not in _FUNCTIONS
        }
