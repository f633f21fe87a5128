"""A feed implemented as a Spark streaming query over gold: new rows of the tables a sink needs. Sends nothing itself.

A single query over these tables gives a single numbering, identical on a replay; the feed's position is the query's
checkpoint and its id the query's id. Each sink has its own feed, so a slow one holds up neither gold nor the others.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from livegold.reporting.errors import LivegoldError
from livegold.reporting.lake import Lake, is_remote, open_table
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import NEEDS, FeedBatch, Sink
from livegold.reporting.specification import UseCase
from livegold.streams.batches import portable
from livegold.streams.checkpoints import QueryId, begin_anew
from livegold.streams.feeds.base import Feed
from livegold.streams.queries import Query

BULK_FILES = 20_000
"""Files of gold in one batch of a bulk feed: rows with equal keys are merged in a batch, so large ones cost less."""


class SparkFeed(Feed):
    """Feeds a sink with the tables of a use case's gold that it needs."""

    def __init__(self, spark: SparkSession, case: UseCase, settings: Settings, sink_name: str, sink: Sink) -> None:
        lake = Lake.of(settings, case.name)
        self.name = f"feed-{sink_name}"
        self._spark = spark
        self._lake = lake
        self._sink = sink
        self._checkpoint = lake.checkpoint(self.name)
        self._files: int | None = None
        deliver = Delivery(case, settings, sink, QueryId(self._checkpoint))
        self._query = Query(self.name, f"{case.name}-{self.name}", self._rows, deliver, self._checkpoint)

    @property
    def id(self) -> str | None:
        return self._query.id

    def reset(self) -> None:
        begin_anew(self._checkpoint)

    def start(self, seconds: float | None, *, in_bulk: bool = False) -> None:
        self._files = BULK_FILES if in_bulk else None
        self._query.start(seconds)

    @property
    def is_active(self) -> bool:
        return self._query.is_active

    @property
    def error(self) -> LivegoldError | None:
        return self._query.error

    def wait(self, seconds: float) -> bool:
        return self._query.wait(seconds)

    def stop(self) -> None:
        self._sink.close()
        self._query.stop()

    def status(self) -> Mapping[str, Any]:
        return self._query.status()

    def _rows(self) -> DataFrame:
        """Rows with one struct column for each table that the sink needs: one is set in each row, the others null."""
        reader = self._spark.readStream.format("delta")
        if self._files is not None:
            reader = reader.option("maxFilesPerTrigger", self._files)
        tables = {need: reader.load(getattr(self._lake, need)) for need in NEEDS if need in self._sink.needs}
        nothing = {need: F.lit(None).cast(rows.schema.simpleString()) for need, rows in tables.items()}
        return functools.reduce(
            DataFrame.unionByName,
            (
                rows.select(*((F.struct("*") if n == need else nothing[n]).alias(n) for n in tables))
                for need, rows in tables.items()
            ),
        )


class Delivery:
    """The `foreachBatch` of a feed: every non-empty batch goes to the sink, which is opened before the first one.

    It is opened here so that a service that is down holds up only its own feed. A sink holds locks and connections, so
    a copy in another process, which is the user's own Spark, creates its own sink from the same settings, including
    secrets; if the sink's class does not support that, the sink itself is copied.
    """

    def __init__(self, case: UseCase, settings: Settings, sink: Sink, feed_id: QueryId) -> None:
        self._case = case
        self._settings = settings
        self._lake = Lake.of(settings, case.name)
        self._sink = sink
        self._feed_id = feed_id
        self._is_open = False
        self._dimensions: dict[str, pa.Table] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        sink = type(self._sink) if hasattr(self._sink, "from_settings") else self._sink
        return _delivery, (portable(self._case), self._settings, sink, self._feed_id)

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        table = rows.toArrow()
        if table.num_rows == 0:
            return
        found = {need: _rows_of(table.column(need)) for need in table.column_names}
        for part in found.values():
            if part.num_rows:
                self._refresh_dimensions(part, rows.sparkSession)
        if not self._is_open:
            self._sink.open()
            self._is_open = True
        pulse, spotlight, predictions = (found.get(need) for need in NEEDS)
        self._sink.write(FeedBatch(batch_id, pulse, spotlight, dict(self._dimensions), self._feed_id(), predictions))

    def _refresh_dimensions(self, rows: pa.Table, spark: SparkSession) -> None:
        wanted = []
        for dimension in self._case.all_dimensions:
            used = pc.unique(rows.column(dimension.name))
            known = self._dimensions.get(dimension.name)
            if known is None or not pc.all(pc.is_in(used, value_set=known.column("key").combine_chunks())).as_py():
                wanted.append(dimension.name)
        if wanted:
            self._dimensions |= self._read(wanted, spark)

    def _read(self, wanted: list[str], spark: SparkSession) -> dict[str, pa.Table]:
        """The values of dimensions in order. Avoids Spark, whose queries take seconds next to a busy batch of gold."""
        if not is_remote(self._lake.root):
            return {name: open_table(self._lake.dimension(name)).to_pyarrow_table().sort_by("order") for name in wanted}
        tables = [
            spark.read.format("delta").load(self._lake.dimension(name)).withColumn("dimension", F.lit(name))
            for name in wanted
        ]
        found = functools.reduce(DataFrame.unionByName, tables).toArrow().sort_by("order")
        return {
            name: found.filter(pc.equal(found.column("dimension"), name)).drop_columns(["dimension"]) for name in wanted
        }


def _delivery(case: UseCase, settings: Settings, sink: Sink | Any, feed_id: QueryId) -> Delivery:
    return Delivery(case, settings, sink if isinstance(sink, Sink) else sink.from_settings(settings, case), feed_id)


def _rows_of(column: pa.ChunkedArray) -> pa.Table:
    """The structs of a column that are not null, as a table."""
    structs = column.combine_chunks()
    if isinstance(structs, pa.ChunkedArray):
        structs = pa.concat_arrays(structs.chunks)
    return pa.Table.from_struct_array(structs.filter(structs.is_valid()))
