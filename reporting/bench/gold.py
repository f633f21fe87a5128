"""The simulation's pulse rows as gold keeps them, in Parquet, queried with livegold's own SQL. Sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from livegold.reporting.measures import Filter, Measure, sql_over_pulse
from livegold.reporting.powerbi.limits import INT64_MAX, INT64_MIN
from livegold.reporting.schema import WRITTEN_BY_GOLD
from livegold.reporting.specification import UseCase

ROWS_A_FILE = 250_000
Answer = list[dict[str, Any]]


def connection() -> duckdb.DuckDBPyConnection:
    """An in-memory database without network access."""
    return duckdb.connect(config={"autoinstall_known_extensions": False, "TimeZone": "UTC"})


def asked(
    database: duckdb.DuckDBPyConnection,
    case: UseCase,
    table: str,
    measures: Sequence[Measure],
    by: Sequence[str] = (),
    where: Sequence[Filter] = (),
    buckets: str | None = None,
) -> Answer:
    """One row per group with its measures, computed by the project's SQL over rows of pulse."""
    sql = sql_over_pulse(measures, table, by, where, bucket_seconds=case.bucket_seconds, buckets=buckets)
    cursor = database.execute(sql)
    names = [d[0] for d in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Gold:
    """Pulse of one use case under `folder`, append-only, with a table of the elapsed buckets."""

    def __init__(self, case: UseCase, folder: Path) -> None:
        self._case = case
        self._folder = folder
        self._waiting: list[pa.Table] = []
        self._files = 0
        self._database = connection()
        self.oldest: int | None = None
        self.newest: int | None = None
        self.rows = 0
        folder.mkdir(parents=True)

    def close(self) -> None:
        self._database.close()

    def add(self, pulse: pa.Table) -> None:
        """Appends a batch."""
        span = pc.min_max(pulse.column("bucket_no")).as_py()
        self.oldest = span["min"] if self.oldest is None else min(self.oldest, span["min"])
        self.newest = span["max"] if self.newest is None else max(self.newest, span["max"])
        self.rows += pulse.num_rows
        self._waiting.append(pulse)
        if sum(t.num_rows for t in self._waiting) >= ROWS_A_FILE:
            self._write()

    def ask(self, measures: Sequence[Measure], by: Sequence[str] = (), where: Sequence[Filter] = ()) -> Answer:
        """Measures over everything added; by bucket, over every elapsed bucket, silent or not."""
        return asked(self._database, self._case, "gold", measures, by, where, "buckets")

    def ready(self) -> None:
        """Makes added rows queryable: call after `add` and before `ask`."""
        if self._waiting:
            self._write()
        files = [str(self._folder / f"{n}.parquet") for n in range(self._files)]
        self._database.execute(f"create or replace view gold as select {self._columns()} from read_parquet({files})")
        assert self.oldest is not None
        assert self.newest is not None
        self._database.execute(
            "create or replace table buckets as"
            f" select range::bigint as bucket_no, to_timestamp(range * {self._case.bucket_seconds}) as bucket"
            f" from range({self.oldest}, {self.newest + 1})"
        )

    def values(self, dimension: str) -> list[str]:
        """The values of a dimension that occur."""
        found = self._database.execute(f'select distinct "{dimension}" from gold order by 1').fetchall()
        return [value for (value,) in found]

    def _columns(self) -> str:
        """Every column, with values that no Power BI column can hold as null, as in the dataset."""
        made = []
        for column in self._case.pulse_columns:
            name = f'"{column.name}"'
            if column.name in WRITTEN_BY_GOLD:
                continue
            if column.type == "double":
                made.append(f"case when isfinite({name}) then {name} end as {name}")
            elif column.type == "bigint":
                made.append(f"case when {name} between {INT64_MIN} and {INT64_MAX} then {name} end as {name}")
            else:
                made.append(name)
        return ", ".join(made)

    def _write(self) -> None:
        pq.write_table(pa.concat_tables(self._waiting), self._folder / f"{self._files}.parquet")
        self._files += 1
        self._waiting = []
