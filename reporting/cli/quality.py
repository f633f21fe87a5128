"""How good the model is on what has been scored, read from gold without Spark. Not for models or for reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from livegold.reporting.specification import CELLS

NEWEST_SHARE = 0.2  # as in training


@dataclass(frozen=True)
class Quality:
    """A confusion matrix over events with a known outcome; shares are 0 to 1, None where nothing is known."""

    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0

    @property
    def known(self) -> int:
        return self.tp + self.fp + self.tn + self.fn

    @property
    def accuracy(self) -> float | None:
        return (self.tp + self.tn) / self.known if self.known else None

    @property
    def baseline(self) -> float | None:
        """Accuracy of the majority-class baseline."""
        return max(self.tp + self.fn, self.fp + self.tn) / self.known if self.known else None

    @property
    def precision(self) -> float | None:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None

    @property
    def recall(self) -> float | None:
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    @property
    def f1(self) -> float | None:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp + self.fp + self.fn else None


class LiveQuality:
    """Quality over all predictions of a Delta table, as it grows: only files that are new are read."""

    def __init__(self, predictions: str) -> None:
        self._path = predictions
        self._table: Any = None
        self._read: set[str] = set()
        self._sums = dict.fromkeys(CELLS, 0)

    def __call__(self) -> Quality:
        """Quality so far. Raises what delta-rs raises when the table is not there."""
        import pyarrow.dataset as ds
        from deltalake import DeltaTable

        if self._table is None:
            self._table = DeltaTable(self._path)
        self._table.update_incremental()
        fresh = [file for file in self._table.file_uris() if file not in self._read]
        if fresh:
            rows = ds.dataset(fresh, format="parquet").to_table(columns=list(CELLS))
            for cell in CELLS:
                self._sums[cell] += rows.column(cell).to_numpy().sum()
            self._read.update(fresh)
        return Quality(**{cell: int(n) for cell, n in self._sums.items()})


def newest(predictions: str, time_column: str, since: datetime | None = None) -> Quality:
    """Quality on the newest fifth, by `time_column`, of the predictions with a known outcome; or from `since` on."""
    import duckdb
    from deltalake import DeltaTable

    column = '"' + time_column.replace('"', '""') + '"'
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("gold", DeltaTable(predictions).to_pyarrow_dataset())
        connection.execute(
            f"CREATE TEMP TABLE known AS SELECT {column} AS moment, {', '.join(CELLS)} FROM gold WHERE NOT unknown"
        )
        boundary = "SELECT quantile_disc(moment, $share) FROM known" if since is None else "SELECT $since::TIMESTAMPTZ"
        given = {"share": 1 - NEWEST_SHARE} if since is None else {"since": since}
        sums = ", ".join(f"coalesce(count_if({cell}), 0)" for cell in CELLS)
        row = connection.execute(f"SELECT {sums} FROM known WHERE moment >= ({boundary})", given).fetchone()
    assert row is not None
    return Quality(*(int(n) for n in row))
