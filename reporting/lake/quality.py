"""How good a model is on the scored events, read from gold without Spark. Which figures matter is up to the task."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from livegold.reporting.tasks import Quality, Task

NEWEST_SHARE = 0.2  # as in training


class LiveQuality:
    """Quality over all predictions of a growing Delta table: only new files are read."""

    def __init__(self, task: Task, predictions: str) -> None:
        self._task = task
        self._path = predictions
        self._table: Any = None
        self._read: set[str] = set()
        self._sums: dict[str, Any] = dict.fromkeys(task.sums, 0)

    def __call__(self) -> Quality:
        """Quality so far. Raises what delta-rs raises if the table does not exist."""
        import pyarrow.dataset as ds
        from deltalake import DeltaTable

        if self._table is None:
            self._table = DeltaTable(self._path)
        self._table.update_incremental()
        fresh = [file for file in self._table.file_uris() if file not in self._read]
        if fresh:
            sums = _sums(self._task, ds.dataset(fresh, format="parquet"))
            self._sums = {name: self._sums[name] + (value or 0) for name, value in sums.items()}
            self._read.update(fresh)
        return self._task.quality(self._sums)


def newest_quality(task: Task, predictions: str, time_column: str, since: datetime | None = None) -> Quality:
    """Quality on the predictions with a known outcome: the newest fifth by `time_column`, or those from `since` on."""
    from deltalake import DeltaTable

    column = '"' + time_column.replace('"', '""') + '"'
    boundary = f"SELECT quantile_disc({column}, {1 - NEWEST_SHARE}) FROM gold WHERE outcome IS NOT NULL"
    given = {}
    if since is not None:
        boundary, given = "SELECT $since::TIMESTAMPTZ", {"since": since}
    where = f"WHERE outcome IS NOT NULL AND {column} >= ({boundary})"
    return task.quality(_sums(task, DeltaTable(predictions).to_pyarrow_dataset(), where, given))


def _sums(task: Task, rows: Any, where: str = "", given: dict[str, Any] | None = None) -> dict[str, Any]:
    import duckdb

    sums = ", ".join(f"{sql} AS {name}" for name, sql in task.sums.items())
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("gold", rows)
        cursor = connection.execute(f"SELECT {sums} FROM gold {where}", given or {})
        found = cursor.fetchone()
    assert found is not None
    return dict(zip(task.sums, found, strict=True))
