"""What a checkpoint says of its query, wherever it lies. Reads through Spark's file systems, as Spark does."""

from __future__ import annotations

import json
from typing import Any

from pyspark.sql import SparkSession


def query_of(spark: SparkSession, checkpoint: str) -> str | None:
    """The id of the query that has this checkpoint, None where there is none."""
    file_system, path = _at(spark, f"{checkpoint}/metadata")
    if not file_system.exists(path):
        return None
    stream = file_system.open(path)
    try:
        jvm: Any = spark._jvm
        text = jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")
    finally:
        stream.close()
    return str(json.loads(text)["id"])


def reset(spark: SparkSession, checkpoint: str) -> None:
    """Deletes a checkpoint: the query that has it next begins from the start."""
    file_system, path = _at(spark, checkpoint)
    file_system.delete(path, True)


def _at(spark: SparkSession, path: str) -> tuple[Any, Any]:
    jvm: Any = spark._jvm
    found = jvm.org.apache.hadoop.fs.Path(path)
    return found.getFileSystem(spark._jsc.hadoopConfiguration()), found
