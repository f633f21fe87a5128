"""The feed off gold: new rows of pulse and spotlight, in numbered batches, as Arrow tables. Not for sending them.

One query over both tables gives one numbering, the same again on a replay. Each sink has a feed of its own, so that a
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
from livegold.reporting.sinks.base import FeedBatch
from livegold.reporting.specification import UseCase


class Feed:
    """The `foreachBatch` of one sink's feed; `write` gets every batch that holds rows."""

    def __init__(self, spark: SparkSession, case: UseCase, lake: Lake, write: Callable[[FeedBatch], None]) -> None:
        self._spark = spark
        self._case = case
        self._lake = lake
        self._write = write
        self._dimensions: dict[str, pa.Table] = {}

    def stream(self, files: int | None = None) -> DataFrame:
        """Rows with `pulse` or `spotlight`, a struct each, the other null; of `files` files in a batch at most."""
        reader = self._spark.readStream.format("delta")
        if files is not None:
            reader = reader.option("maxFilesPerTrigger", files)
        pulse, spotlight = (reader.load(p) for p in (self._lake.pulse, self._lake.spotlight))
        pulse_type, spotlight_type = pulse.schema.simpleString(), spotlight.schema.simpleString()
        return pulse.select(
            F.struct("*").alias("pulse"), F.lit(None).cast(spotlight_type).alias("spotlight")
        ).unionByName(spotlight.select(F.lit(None).cast(pulse_type).alias("pulse"), F.struct("*").alias("spotlight")))

    def __call__(self, rows: DataFrame, batch_id: int) -> None:
        feed = rows.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
        table = rows.toArrow()
        if table.num_rows == 0:
            return
        pulse, spotlight = (_rows_of(table.column(name)) for name in ("pulse", "spotlight"))
        self._refresh_dimensions(pulse)
        self._write(FeedBatch(batch_id, pulse, spotlight, dict(self._dimensions), feed))

    def _refresh_dimensions(self, pulse: pa.Table) -> None:
        wanted = []
        for dimension in self._case.all_dimensions:
            used = pc.unique(pulse.column(dimension.name))
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
