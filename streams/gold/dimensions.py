"""Values of dimensions: declared, or admitted first come, first served up to a limit, and never reassigned.

Does not deal with reports. The dimension tables in gold are the record of what was admitted. They are written before
the first row that uses a value, by the one query that writes gold.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from livegold.reporting.lake import Lake
from livegold.reporting.pipeline import fresh_columns, fresh_values, identity_of
from livegold.reporting.schema import DIMENSION, KEY, LAST_ORDER, OTHER, UNKNOWN
from livegold.reporting.specification import Dimension, UseCase
from livegold.streams.plan import select, with_columns


class Dimensions:
    """The admitted values of a use case's dimensions; call `load` before use."""

    def __init__(self, spark: SparkSession, case: UseCase, lake: Lake) -> None:
        self._spark = spark
        self._case = case
        self._lake = lake
        self._values: dict[str, dict[str, str]] = {}

    def load(self) -> None:
        """Reads the admitted values and adds declared ones that are missing."""
        dimensions = self._case.all_dimensions
        tables = [
            self._spark.read.format("delta")
            .load(self._lake.dimension(d.name))
            .select(F.lit(d.name).alias("name"), F.col(KEY).alias("key"))
            for d in dimensions
        ]
        self._values = {d.name: {} for d in dimensions}
        for row in functools.reduce(DataFrame.unionAll, tables).collect():
            self._values[row.name][identity_of(row.key)] = row.key
        with ThreadPoolExecutor(len(dimensions)) as pool:
            list(pool.map(lambda d: self._add(d, (*(d.values or ()), OTHER, UNKNOWN)), dimensions))

    def admit_value(self, name: str, value: str) -> None:
        """Admits one value of a dimension, if there is room."""
        dimension = next(d for d in self._case.all_dimensions if d.name == name)
        self._admit(dimension, [value])

    def admit_from(self, rows: DataFrame) -> None:
        """Admits new values in a batch for dimensions whose values are not declared; `rows` are valid events."""
        open_ones = [d for d in self._case.dimensions if d.values is None and self._room(d) > 0]
        for dimension in open_ones:
            fresh = fresh_values(self._values[dimension.name], self._room(dimension))
            found = select(with_columns(rows, fresh_columns(dimension)), fresh).select("came.value").collect()
            self._admit(dimension, [r.value for r in found])

    @property
    def admitted(self) -> Mapping[str, Mapping[str, str]]:
        """The values of each dimension, by identity."""
        return self._values

    def _room(self, dimension: Dimension) -> int:
        if dimension.values is not None:
            return 0
        admitted = [v for v in self._values[dimension.name].values() if v not in LAST_ORDER]
        return dimension.limit - len(admitted)

    def _admit(self, dimension: Dimension, values: Iterable[str]) -> None:
        room = self._room(dimension)
        known = self._values[dimension.name]
        fresh = [v for v in values if v.strip() and identity_of(v) not in known]
        self._add(dimension, fresh[:room])

    def _add(self, dimension: Dimension, values: Iterable[str]) -> None:
        known = self._values[dimension.name]
        fresh = {identity_of(v): v.strip() for v in values if identity_of(v) not in known}
        if not fresh:
            return
        place = sum(v not in LAST_ORDER for v in known.values())
        values_in_order = list(fresh.values())
        order = [LAST_ORDER.get(v, place + i) for i, v in enumerate(values_in_order)]
        # As an Arrow table, because a list of rows would start Spark's Python workers.
        columns = zip(DIMENSION, (values_in_order, values_in_order, order), strict=True)
        rows = pa.table({name: pa.array(values) for (name, *_), values in columns})
        frame = self._spark.createDataFrame(rows).coalesce(1)
        frame.write.format("delta").mode("append").save(self._lake.dimension(dimension.name))
        known.update(fresh)
