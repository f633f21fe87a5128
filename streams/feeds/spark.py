"""The feed off gold: new rows of what a sink needs, in numbered batches, as Arrow tables. Not for sending them.

One query over these tables gives one numbering, the same again on a replay. Each sink has a feed of its own, so that a
slow one holds neither gold nor the others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from livegold.reporting.lake import Lake, open_table
from livegold.reporting.sinks import NEEDS, FeedBatch, Sink
from livegold.reporting.specification import UseCase


class Feed:
    """The `foreachBatch` of one sink's feed; `write` gets every batch that holds rows of what the sink `needs`."""

    def __init__(
        self,
        spark: SparkSession,
        case: UseCase,
        lake: Lake,
        write: Callable[[FeedBatch], None],
        needs: frozenset[str] = Sink.needs,
    ) -> None:
        self._spark = spark
        self._case = case
        self._lake = lake
        self._write = write
        self._needs = tuple(need for need in NEEDS if need in needs)
        self._dimensions: dict[str, pa.Table] = {}

    def stream(self, files: int | None = None) -> DataFrame:
        """Rows with one of the needed tables, a struct, the others null; of `files` files in a batch at most."""
        reader = self._spark.readStream.format("delta")
        if files is not None:
            reader = reader.option("maxFilesPerTrigger", files)
        tables = {need: reader.load(getattr(self._lake, need)) for need in self._needs}
        nothing = {need: F.lit(None).cast(rows.schema.simpleString()) for need, rows in tables.items()}
        return functools.reduce(
            DataFrame.unionByName,
            (
                rows.select(*((F.struct("*") if n == need else nothing[n]).alias(n) for n in tables))
                for need, rows in tables.items()
            ),
        )

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        feed = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
        table = rows.toArrow()
        if table.num_rows == 0:
            return
        found = {need: _rows_of(table.column(need)) for need in self._needs}
        for rows_of_table in found.values():
            self._refresh_dimensions(rows_of_table)
        pulse, spotlight, predictions = (found.get(need) for need in NEEDS)
        self._write(FeedBatch(batch_id, pulse, spotlight, dict(self._dimensions), feed, predictions))

    def _refresh_dimensions(self, rows: pa.Table) -> None:
        wanted = []
        for dimension in self._case.all_dimensions:
            used = pc.unique(rows.column(dimension.name))
            known = self._dimensions.get(dimension.name)
            if known is None or not pc.all(pc.is_in(used, value_set=known.column("key").combine_chunks())).as_py():
                wanted.append(dimension.name)
        if wanted:
            self._dimensions |= self._read(wanted)

    def _read(self, wanted: list[str]) -> dict[str, pa.Table]:
        """The values of dimensions in order. Beside a busy batch of gold a query of Spark's takes seconds."""
        if "://" not in self._lake.root:
            return {name: open_table(self._lake.dimension(name)).to_pyarrow_table().sort_by("order") for name in wanted}
        tables = [
            self._spark.read.format("delta").load(self._lake.dimension(name)).withColumn("dimension", F.lit(name))
            for name in wanted
        ]
        found = functools.reduce(DataFrame.unionByName, tables).toArrow().sort_by("order")
        return {
            name: found.filter(pc.equal(found.column("dimension"), name)).drop_columns(["dimension"]) for name in wanted
        }


def _rows_of(column: pa.ChunkedArray) -> pa.Table:
    """The structs of a column that are there, as a table."""
    structs = column.combine_chunks()
    if isinstance(structs, pa.ChunkedArray):
        structs = pa.concat_arrays(structs.chunks)
    return pa.Table.from_struct_array(structs.filter(structs.is_valid()))
