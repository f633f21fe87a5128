"""The Delta tables of a use case: made once, with their columns' meanings, and what Delta knows of their commits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from livegold.reporting.errors import WrongUse
from livegold.reporting.lake import Lake
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
    QUERY_ID,
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
# A Delta checkpoint takes seconds and stops the batch that writes it; one in a hundred commits keeps starts quick too.
COMMON = {"delta.checkpointInterval": "100", "delta.enableDeletionVectors": "false"}
STATISTICS = {
    # Minimum and maximum of every column cost more than writing it; only these are ever searched by.
    RAW_TABLE: ("partition", "offset", ARRIVAL),
    QUARANTINE_TABLE: ("partition", "offset", ARRIVAL, BATCH_ID),
    PREDICTIONS_TABLE: (EVENT_TIME, BUCKET_NO, ARRIVAL, "partition", "offset", *WRITTEN_BY_GOLD),
    PULSE_TABLE: (BUCKET_NO, *WRITTEN_BY_GOLD),
    SPOTLIGHT_TABLE: (BUCKET_NO, *WRITTEN_BY_GOLD),
}


def create_tables(spark: SparkSession, case: UseCase, lake: Lake) -> None:
    """Makes the tables that are not there yet, and adds the columns that those that are there lack.

    A column that was added holds null in the rows from before: what a measure counts begins when it is added. WrongUse
    for a column whose type differs: no table can follow that.
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
        list(pool.map(lambda table: _create(spark, case.name, *table), wanted))


def _create(spark: SparkSession, case: str, path: str, columns: Iterable[Column], statistics: Sequence[str]) -> None:
    if DeltaTable.isDeltaTable(spark, path):
        _add_columns(spark, case, path, columns)
        return
    builder = DeltaTable.createIfNotExists(spark).location(path)
    for column in columns:
        builder = builder.addColumn(column.name, column.type, comment=column.description)
    for name, value in {**COMMON, "delta.dataSkippingStatsColumns": ",".join(statistics)}.items():
        builder = builder.property(name, value)
    builder.execute()


def _add_columns(spark: SparkSession, case: str, path: str, columns: Iterable[Column]) -> None:
    there = {f.name: f.dataType.simpleString() for f in spark.read.format("delta").load(path).schema.fields}
    missing = []
    for column in columns:
        if column.name not in there:
            comment = column.description.replace("\\", "\\\\").replace("'", "\\'")
            missing.append(f"`{column.name}` {column.type} COMMENT '{comment}'")
        elif there[column.name] != column.type.replace(", ", ","):
            raise WrongUse(
                f"use case {case}: column {column.name} is {column.type}, but {there[column.name]} in {path}, and no "
                "table can follow that: give the column another name, or another LIVEGOLD_LAKE"
            )
    if missing:
        spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMNS ({', '.join(missing)})")


def transaction_version(spark: SparkSession, path: str, app_id: str) -> int:
    """The highest `txnVersion` the table has for an app id, or -1."""
    jvm: Any = spark._jvm
    log = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, path)
    found = log.update(False, _none(spark), _none(spark)).transactions().get(app_id)
    return int(found.get()) if found.isDefined() else -1


def _none(spark: SparkSession) -> Any:
    jvm: Any = spark._jvm
    return jvm.scala.Option.empty()


def commit_record(spark: SparkSession, path: str, query_id: str, batch_id: int) -> dict[str, Any] | None:
    """The `userMetadata` that livegold wrote with a batch's commit to a table, or None when it did not write one."""
    for row in DeltaTable.forPath(spark, path).history(50).select("userMetadata").collect():
        record = json.loads(row.userMetadata) if row.userMetadata else {}
        if record.get(QUERY_ID) == query_id and record.get(BATCH_ID) == batch_id:
            return record
    return None
