"""Starts, watches and stops one Spark streaming query, and reports its status. Not concerned with what it processes.

`Running` is what a pipeline knows about anything that works for it in the background, be it a query or a feed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame
from pyspark.sql.streaming import StreamingQuery

from livegold.reporting.errors import LivegoldError
from livegold.streams.batches import Batches, Write, error_in
from livegold.streams.checkpoints import query_of

WAIT_SECONDS = 0.2


class Running(Protocol):
    """Something that works in the background from `start` until it is stopped, fails, or reaches the end."""

    name: str

    @property
    def is_active(self) -> bool: ...

    @property
    def error(self) -> LivegoldError | None:
        """The error that ended it early; None while it is active."""

    def wait(self, seconds: float) -> bool:
        """Waits up to `seconds` for it to end; returns whether it has ended. Does not raise the error that ended it."""

    def stop(self) -> None:
        """Returns when it has ended. May be called at any time, any number of times."""

    def status(self) -> Mapping[str, Any]:
        """What `livegold status` shows, as JSON types: at least `active`, `batch`, `behind` and `error`."""


class Query:
    """A query with a `foreachBatch` function and a checkpoint; implements `Running`.

    `rows` creates the stream when the query is started. `write` has to be picklable.
    """

    def __init__(self, name: str, title: str, rows: Callable[[], DataFrame], write: Write, checkpoint: str) -> None:
        """`name` is its name in the status, `title` its name in Spark."""
        self.name = name
        self._title = title
        self._rows = rows
        self._write = write
        self._checkpoint = checkpoint
        self._query: StreamingQuery | None = None

    @property
    def id(self) -> str | None:
        """The query's id, also from an earlier run; None if it was never started with this checkpoint."""
        return query_of(self._checkpoint)

    def start(self, seconds: float | None) -> None:
        """Runs a batch every `seconds` seconds, or (None) processes the existing data and ends."""
        writer = self._rows().writeStream.queryName(self._title).foreachBatch(Batches(self._write))
        writer = writer.option("checkpointLocation", self._checkpoint)
        if seconds is None:
            writer = writer.trigger(availableNow=True)
        else:
            writer = writer.trigger(processingTime=f"{seconds} seconds")
        self._query = writer.start()

    @property
    def is_active(self) -> bool:
        return self._query is not None and bool(self._query.isActive)

    @property
    def error(self) -> LivegoldError | None:
        if self._query is None or self.is_active:
            return None
        failure: StreamingQueryException | None = self._query.exception()
        if failure is None:
            return None
        error = error_in(self.name, failure)
        error.__cause__ = failure
        return error

    def wait(self, seconds: float) -> bool:
        ends = time.monotonic() + seconds
        while self.is_active:
            left = ends - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, WAIT_SECONDS))
        return True

    def stop(self) -> None:
        if self._query is not None and self.is_active:
            self._query.stop()

    @property
    def batch(self) -> int | None:
        """The latest finished batch, or the one Spark is about to start."""
        last = None if self._query is None else self._query.lastProgress
        return None if last is None else int(last.batchId)

    def status(self) -> Mapping[str, Any]:
        """What `Running` requires, and `rate` (rows a second), `batch_seconds` and `committed` (offsets read)."""
        error = self.error
        said: dict[str, Any] = {
            "active": self.is_active,
            "batch": None,
            "behind": None,
            "error": str(error) if error else None,
        }
        last = None if self._query is None else self._query.lastProgress
        if last is not None:
            sources = [s.metrics or {} for s in last.sources]
            said["batch"] = last.batchId
            said["rate"] = round(float(last.processedRowsPerSecond or 0.0), 1)
            said["batch_seconds"] = (last.durationMs or {}).get("triggerExecution", 0) / 1000
            behind = [float(m["maxOffsetsBehindLatest"]) for m in sources if "maxOffsetsBehindLatest" in m]
            left = [float(m["numBytesOutstanding"]) for m in sources if "numBytesOutstanding" in m]
            said["behind"] = max(behind) if behind else (sum(left) if left else None)
            said["committed"] = _committed(last)
        return said


def _committed(progress: Any) -> int | None:
    """How many offsets of the hub a query has read, over all partitions; None for a source without offsets."""
    try:
        offsets = json.loads(progress.sources[0].endOffset)
        return sum(sum(partitions.values()) for partitions in offsets.values())
    except (TypeError, ValueError, AttributeError, IndexError):
        return None
