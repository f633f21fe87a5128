"""History to learn from, as rows of `raw_events`: from a file, from raw, or from the use case's generator.

Does no training. Events from a file or a generator are held in the driver's memory once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from livegold.reporting.errors import NotFound, WrongUse
from livegold.reporting.lake import Lake, open_table
from livegold.reporting.specification import UseCase
from livegold.streams.hub import Event, EventFile, replay

GENERATED_EVENTS = 20_000
"""Enough for a tree of depth 5, and takes about a second."""
COLUMNS = ("key", "value", "topic", "partition", "offset", "arrival")


def history_from_file(spark: SparkSession, case: UseCase, path: Path) -> DataFrame:
    """Every row of a file, with its original time. Raises WrongUse as EventFile does."""
    return _rows(spark, case, replay(EventFile(path, case), keep_times=True))


def history_from_raw(spark: SparkSession, case: UseCase, lake: Lake) -> DataFrame:
    """Every event of raw; NotFound if nothing has been run yet."""
    try:
        open_table(lake.raw)
    except NotFound:
        raise NotFound(
            f"use case {case.name} has no raw events in {lake.raw}: run the pipeline first, or give a file of events"
        ) from None
    return spark.read.format("delta").load(lake.raw).select(*COLUMNS)


def generated_history(spark: SparkSession, case: UseCase, count: int = GENERATED_EVENTS, seed: int = 1) -> DataFrame:
    """`count` synthetic events that all ended before now. Raises WrongUse if the use case cannot generate history."""
    if case.history is None:
        raise WrongUse(f"use case {case.name} has no synthetic history: give a file of events, or train on raw")
    return _rows(spark, case, case.history(seed, count, datetime.now(UTC)))


def _rows(spark: SparkSession, case: UseCase, events: Iterable[Event]) -> DataFrame:
    keys: list[bytes | None] = []
    values: list[bytes] = []
    for key, value in events:
        keys.append(None if key is None else key.encode())
        values.append(value)
    count = len(values)
    # The arrival is now, so that no event of history is in the future.
    columns = [
        pa.array(keys, pa.binary()),
        pa.array(values, pa.binary()),
        pa.array([case.name] * count, pa.string()),
        pa.array([0] * count, pa.int32()),
        pa.array(range(count), pa.int64()),
        pa.array([datetime.now(UTC)] * count, pa.timestamp("us", tz="UTC")),
    ]
    return spark.createDataFrame(pa.table(dict(zip(COLUMNS, columns, strict=True))))
