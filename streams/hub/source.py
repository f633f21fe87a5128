"""The hub as a Spark stream with the columns of the Kafka source. Does not interpret the rows."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from livegold.streams.hub.hub import Hub, offsets

Positions = Mapping[str, Mapping[str, int]]
"""Topic -> partition (a string, for JSON) -> the offset after the last event that is no longer needed."""
_EARLIEST = -2


def hub_stream(spark: SparkSession, hub: Hub, headers: bool, after: Positions | None = None) -> DataFrame:
    """The events of a hub: key, value (binary), topic, partition, offset, timestamp, and headers if requested.

    `after` is where a query starts that has no position in its checkpoint yet, by default at the earliest event in the
    hub. For a Kafka hub this asks the broker for its partitions, and raises what `offsets` raises.

    For a folder, the file name is the topic, the line number the offset and the file's time the arrival; there
    `positioned` has to be applied to each batch.
    """
    if hub.folder is not None:
        return (
            spark.readStream.format("text")
            .options(**hub.spark_options())
            .load(str(hub.folder.resolve()))
            .select(
                F.col("value").cast("binary").alias("value"),
                F.col("_metadata.file_name").alias("topic"),
                F.col("_metadata.file_block_start").alias("_block"),
                F.col("_metadata.file_modification_time").alias("timestamp"),
            )
        )
    options = hub.spark_options() | {"includeHeaders": str(headers).lower()}
    if after is not None:
        # Every partition has to be named. A partition without a known position is new.
        known = after.get(hub.topic, {})
        begin = {str(p): known.get(str(p), _EARLIEST) for p in offsets(hub)}
        options["startingOffsets"] = json.dumps({hub.topic: begin})
    return spark.readStream.format("kafka").options(**options).load()


def positioned(batch: DataFrame, headers: bool, after: Positions | None = None) -> DataFrame:
    """One batch of `hub_stream` with partition and offset: Kafka's, or the line number within a file of the folder.

    A stream of files cannot start in the middle, so the files that `after` names are filtered out here.
    """
    if "_block" not in batch.columns:
        return batch
    if after:
        done = batch.sparkSession.createDataFrame(pa.table({"topic": list(after)}))
        batch = batch.join(done.hint("broadcast"), "topic", "left_anti")
    # The lines of one block of a file come in order, in one task.
    in_order = batch.withColumn("_row", F.monotonically_increasing_id())
    line = F.row_number().over(Window.partitionBy("topic").orderBy("_block", "_row")) - 1
    added = {
        "key": F.lit(None).cast("binary"),
        "partition": F.lit(0),
        "offset": line.cast("bigint"),
    }
    if headers:
        added["headers"] = F.lit(None).cast("array<struct<key:string,value:binary>>")
    return in_order.withColumns(added).drop("_block", "_row")
