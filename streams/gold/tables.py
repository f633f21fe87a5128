"""Creates the Delta tables of a use case, with descriptions of their columns. Does not write to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from livegold.reporting.errors import NotFound, WrongUse
from livegold.reporting.lake import Lake, open_table
from livegold.reporting.schema import (
    ARRIVAL,
    BATCH_ID,
    BUCKET_NO,
    DIMENSION,
    EVENT_TIME,
    KEY,
    PREDICTIONS_TABLE,
    PULSE_TABLE,
    QUARANTINE_TABLE,
    RAW_TABLE,
    RESERVED,
    SOURCE,
    SPOTLIGHT_TABLE,
    WRITTEN,
    WRITTEN_BY_GOLD,
)
from livegold.reporting.specification import Column, UseCase

_MESSAGE = (
    Column("key", "binary", "key of the message"),
    Column("value", "binary", "the event, byte for byte"),
)
_SOURCE = tuple(Column(*row) for name in SOURCE for row in RESERVED if row[0] == name)
RAW = (
    *_MESSAGE,
    Column("headers", "array<struct<key:string,value:binary>>", "headers of the message"),
    *_SOURCE,
)
QUARANTINE = (
    *_MESSAGE,
    Column("reasons", "array<string>", "everything that is wrong with it"),
    *_SOURCE,
    *(Column(*row) for row in WRITTEN),
)
# A Delta checkpoint takes seconds and blocks the batch that writes it; one every 100 commits still keeps starts quick.
COMMON = {"delta.checkpointInterval": "100", "delta.enableDeletionVectors": "false"}
STATISTICS = {
    # Collecting the minimum and maximum of a column costs more than writing it; only these are ever filtered on.
    RAW_TABLE: ("partition", "offset", ARRIVAL),
    QUARANTINE_TABLE: ("partition", "offset", ARRIVAL, BATCH_ID),
    PREDICTIONS_TABLE: (EVENT_TIME, BUCKET_NO, ARRIVAL, "partition", "offset", *WRITTEN_BY_GOLD),
    PULSE_TABLE: (BUCKET_NO, *WRITTEN_BY_GOLD),
    SPOTLIGHT_TABLE: (BUCKET_NO, *WRITTEN_BY_GOLD),
}


def create_tables(spark: SparkSession, case: UseCase, lake: Lake, extend: bool = True) -> None:
    """Creates the missing tables, and adds missing columns to the existing ones.

    An added column is null in earlier rows: a measure counts from the moment it is added. Raises WrongUse for a column
    whose type differs, because a table cannot be changed to match. Without `extend`, existing tables are left alone.
    """
    wanted: list[tuple[str, Iterable[Column], Sequence[str]]] = [
        (lake.raw, RAW, STATISTICS[RAW_TABLE]),
        (lake.quarantine, QUARANTINE, STATISTICS[QUARANTINE_TABLE]),
        (lake.predictions, case.prediction_columns, STATISTICS[PREDICTIONS_TABLE]),
        (lake.pulse, case.pulse_columns, STATISTICS[PULSE_TABLE]),
        (lake.spotlight, case.spotlight_columns, STATISTICS[SPOTLIGHT_TABLE]),
    ]
    columns_of_dimension = [Column(*row) for row in DIMENSION]
    wanted += [(lake.dimension(d.name), columns_of_dimension, (KEY,)) for d in case.all_dimensions]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda table: _create(spark, case.name, extend, *table), wanted))


def _create(
    spark: SparkSession, case: str, extend: bool, path: str, columns: Iterable[Column], statistics: Sequence[str]
) -> None:
    try:
        open_table(path)
    except NotFound:
        properties = {**COMMON, "delta.dataSkippingStatsColumns": ",".join(statistics)}
        # In SQL, because Delta's Python builder is not available under Spark Connect.
        spark.sql(
            f"CREATE TABLE IF NOT EXISTS delta.{_quoted(path)} ({', '.join(map(_declared, columns))}) USING delta "
            f"TBLPROPERTIES ({', '.join(f'{_text(k)} = {_text(v)}' for k, v in properties.items())})"
        )
    else:
        if extend:
            _add_columns(spark, case, path, columns)


def _declared(column: Column) -> str:
    return f"`{column.name}` {column.type} COMMENT {_text(column.description)}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _quoted(path: str) -> str:
    return "`" + path.replace("`", "``") + "`"


def _add_columns(spark: SparkSession, case: str, path: str, columns: Iterable[Column]) -> None:
    there = {f.name: f.dataType.simpleString() for f in spark.read.format("delta").load(path).schema.fields}
    missing = []
    for column in columns:
        if column.name not in there:
            missing.append(_declared(column))
        elif there[column.name] != column.type.replace(", ", ","):
            raise WrongUse(
                f"use case {case}: column {column.name} is {column.type} but has type {there[column.name]} in {path}, "
                "and its type cannot be changed: rename the column, or use another LIVEGOLD_LAKE"
            )
    if missing:
        spark.sql(f"ALTER TABLE delta.{_quoted(path)} ADD COLUMNS ({', '.join(missing)})")
