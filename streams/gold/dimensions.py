"""Values of dimensions: declared, or admitted first come up to a limit, and never reassigned. Not for their reports.

The tables of the dimensions in gold are the record of what was admitted. They are written before the first row that
uses a value, by the one query that writes gold.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from livegold.reporting.lake import Lake
from livegold.reporting.schema import LAST_ORDER, OTHER, UNKNOWN
from livegold.reporting.specification import Dimension, UseCase
from livegold.streams.gold.tables import DIMENSION


class Dimensions:
    """The admitted values of a use case's dimensions; `load` before use."""

    def __init__(self, spark: SparkSession, case: UseCase, lake: Lake) -> None:
        self._spark = spark
        self._case = case
        self._lake = lake
        self._values: dict[str, dict[str, str]] = {}

    def load(self) -> None:
        """Reads what was admitted and adds what is declared and not there yet."""
        dimensions = self._case.all_dimensions
        tables = [
            self._spark.read.format("delta")
            .load(self._lake.dimension(d.name))
            .select(F.lit(d.name).alias("name"), "key")
            for d in dimensions
        ]
        self._values = {d.name: {} for d in dimensions}
        for row in functools.reduce(DataFrame.unionAll, tables).collect():
            self._values[row.name][row.key.lower()] = row.key
        with ThreadPoolExecutor(len(dimensions)) as pool:
            list(pool.map(lambda d: self._add(d, (*(d.values or ()), OTHER, UNKNOWN)), dimensions))

    def admit_value(self, name: str, value: str) -> None:
        """Admits one value of a dimension, if there is room."""
        dimension = next(d for d in self._case.all_dimensions if d.name == name)
        self._admit(dimension, [value])

    def admit_from(self, rows: DataFrame) -> None:
        """Admits the values a batch brings for dimensions that are not declared; `rows` are valid events."""
        open_ones = [d for d in self._case.dimensions if d.values is None and self._room(d) > 0]
        for dimension in open_ones:
            value = F.trim(F.col(dimension.column).cast("string"))
            known = list(self._values[dimension.name])
            fresh = rows.select(value.alias("value"), "partition", "offset").where(
                (F.col("value") != "") & ~F.lower("value").isin(known)
            )
            # First come by partition and offset, so that a replay admits the same ones.
            first = fresh.groupBy(F.lower("value").alias("identity")).agg(
                F.min(F.struct("partition", "offset", "value")).alias("first")
            )
            found = first.orderBy("first").limit(self._room(dimension)).select("first.value").collect()
            self._admit(dimension, [r.value for r in found])

    def mapped(self, dimension: Dimension) -> Column:
        """The value that predictions and pulse hold, from the dimension's column."""
        text = F.trim(F.col(dimension.column).cast("string"))
        values = self._values[dimension.name]
        same = [v for v in values.values() if v not in (OTHER, UNKNOWN)]
        # Nearly every value is written as it was admitted; only others pay for the lower case.
        found = F.when(text.isin(same), text)
        lower = F.lower(text)
        for identity, value in values.items():
            if value not in (OTHER, UNKNOWN):
                found = found.when(lower == identity, F.lit(value))
        blank = text.isNull() | (text == "")
        return F.when(blank, F.lit(UNKNOWN)).otherwise(found.otherwise(F.lit(OTHER)))

    def _room(self, dimension: Dimension) -> int:
        if dimension.values is not None:
            return 0
        admitted = [v for v in self._values[dimension.name].values() if v not in LAST_ORDER]
        return dimension.limit - len(admitted)

    def _admit(self, dimension: Dimension, values: Iterable[str]) -> None:
        room = self._room(dimension)
        known = self._values[dimension.name]
        fresh = [v for v in values if v.strip() and v.strip().lower() not in known]
        self._add(dimension, fresh[:room])

    def _add(self, dimension: Dimension, values: Iterable[str]) -> None:
        known = self._values[dimension.name]
        fresh = {v.strip().lower(): v.strip() for v in values if v.strip().lower() not in known}
        if not fresh:
            return
        place = sum(v not in LAST_ORDER for v in known.values())
        values_in_order = list(fresh.values())
        order = [LAST_ORDER.get(v, place + i) for i, v in enumerate(values_in_order)]
        # As an Arrow table, because a list of rows would start Spark's Python workers.
        columns = zip(DIMENSION, (values_in_order, values_in_order, order), strict=True)
        rows = pa.table({c.name: pa.array(values) for c, values in columns})
        frame = self._spark.createDataFrame(rows).coalesce(1)
        frame.write.format("delta").mode("append").save(self._lake.dimension(dimension.name))
        known.update(fresh)
