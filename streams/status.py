"""The status of a running pipeline: its queries, counts of its events, and its sinks. Does not stop anything.

Events are counted from gold's own commits, because gold is written where the query runs, which under Spark Connect is
another process: the lake is what both processes can see.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from livegold.reporting.errors import LivegoldError, NotFound
from livegold.reporting.home import StatusFile
from livegold.reporting.lake import Lake, commit_records, open_table
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import Sink
from livegold.streams.gold import BatchCounts
from livegold.streams.queries import Running

COUNT_SECONDS = 1.0
_COUNTED = tuple(f.name for f in fields(BatchCounts))


class GoldCounts:
    """Sums the counts of every batch written to gold since `start`, or of all batches if it was not called."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._table: DeltaTable | None = None
        self._version = -1
        self._batches: int = 0
        self._sums = dict.fromkeys(_COUNTED, 0)
        self.model_version: str | None = None
        """The model that scored the newest of these batches."""

    def start(self) -> None:
        """Counts from now on. A table that does not exist yet will be counted from its beginning."""
        try:
            self._table = open_table(self._lake.predictions)
        except NotFound:
            return
        self._version = self._table.version()

    def read(self) -> dict[str, int]:
        """`batches` and the fields of BatchCounts; reads the commits added since the last call."""
        for record in self._fresh():
            if all(isinstance(record.get(name), int) for name in _COUNTED):
                self._batches += 1
                for name in _COUNTED:
                    self._sums[name] += record[name]
        return {"batches": self._batches, **self._sums}

    def _fresh(self) -> list[dict[str, Any]]:
        try:
            if self._table is None:
                self._table = open_table(self._lake.predictions)
            else:
                self._table.update_incremental()
            version = self._table.version()
            new = list(commit_records(self._table, version - self._version)) if version > self._version else []
        except (LivegoldError, DeltaError, OSError):
            # The table does not exist yet, is unreachable or is being replaced: counts are kept, and the rest is
            # counted later. A status that cannot be read must not end a run.
            return []
        self._version = version
        if new:
            self.model_version = new[0].get("model_version", self.model_version)
        return new


class Status:
    """The status document of one use case; `write` brings it up to date."""

    def __init__(self, settings: Settings, case: str, counts: GoldCounts | None = None) -> None:
        self._file = StatusFile(settings.home, case)
        self._case = case
        self.counts = counts
        """None if no events are counted yet."""
        self.gold = {"batches": 0, **dict.fromkeys(_COUNTED, 0)}
        """The event counts at the last `write`."""
        self._counted = 0.0
        self.switch = ""
        self.state = "starting"
        self.model_version: str | None = None
        """The model that scored the newest batch, or will score the first."""

    def write(self, running: Iterable[Running], sinks: Mapping[str, Sink]) -> None:
        """May be called as often as needed: commits are read at most once a second, and when the pipeline has ended."""
        due = time.monotonic() - self._counted >= COUNT_SECONDS or self.state == "ended"
        if self.counts is not None and due:
            self._counted = time.monotonic()
            self.gold = self.counts.read()
            self.model_version = self.counts.model_version or self.model_version
        self._file.write(
            {
                "use_case": self._case,
                "switch": self.switch,
                "state": self.state,
                "pid": os.getpid(),
                "model_version": self.model_version,
                "queries": {r.name: dict(r.status()) for r in running},
                "gold": self.gold,
                "sinks": {name: dict(sink.status()) for name, sink in sinks.items()},
            }
        )
