"""Observes a running demo from outside: the broker's offsets, the status file, deliveries, gold's files.

Does not start or stop anything. Nothing here starts Spark.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from livegold.reporting.errors import Transient
from livegold.reporting.home import StatusFile
from livegold.reporting.lake import Lake
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import inspector_of
from livegold.reporting.specification import UseCase
from livegold.streams.hub import Hub, offsets

RATE_SECONDS = 4.0
"""Time span over which a rate is computed."""
ANSWER_SECONDS = 2.0
SETTLED_SECONDS = 6.0
"""A feed whose deliveries cannot be counted is considered done when nothing has been waiting for this long."""


class Watch:
    """Observes one use case's run; `clock` gives seconds."""

    def __init__(self, settings: Settings, case: UseCase, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._case = case
        self._clock = clock
        self._hub = Hub.of(settings, case.name)
        self._status = StatusFile(settings.home, case.name)
        self._inspector = inspector_of("powerbi", settings, case)
        self._seen: deque[tuple[float, int]] = deque()
        self._idle_since: float | None = None
        self.lake = Lake.of(settings, case.name)
        self.published = 0

    def look(self) -> None:
        """Updates `published` from the broker's offsets. If the broker is slow to answer, it stays as it was."""
        try:
            self.published = sum(end - first for first, end in offsets(self._hub, ANSWER_SECONDS).values())
        except Transient:
            return
        now = self._clock()
        self._seen.append((now, self.published))
        while now - self._seen[0][0] > RATE_SECONDS and len(self._seen) > 2:
            self._seen.popleft()

    @property
    def rate(self) -> float:
        """Recently published events per second."""
        if len(self._seen) < 2:
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def status(self) -> Mapping[str, Any]:
        """The pipeline's own status; empty before there is one.

        The lag of raw and gold is corrected with the broker's offsets, since a query only knows what it has requested.
        """
        status = self._status.read() or {}
        for name in ("raw", "gold"):
            query = status.get("queries", {}).get(name)
            if query is not None:
                query["behind"] = max(0, self.published - (query.get("committed") or 0))
        return status

    def sink(self) -> Mapping[str, Any]:
        """What the powerbi sink has delivered."""
        return self._inspector.status()

    def place(self) -> tuple[object, ...]:
        """A value that changes whenever there is any progress."""
        status = self.status()
        batches = [(q.get("batch"), q.get("committed")) for q in status.get("queries", {}).values()]
        return (*batches, status.get("gold", {}).get("events"), self.sink().get("rows_delivered"))

    def behind(self) -> list[str]:
        """Names of active queries that have not caught up with everything published."""
        status = self.status()
        queries = {n: q for n, q in status.get("queries", {}).items() if q["active"]}
        waiting = [n for n in ("raw", "gold") if n in queries and (queries[n].get("committed") or 0) < self.published]
        feed = queries.get("feed-powerbi")
        if feed is not None and not self._delivered(feed, status.get("gold", {}).get("predictions", 0)):
            waiting.append("feed-powerbi")
        return waiting

    def _delivered(self, feed: Mapping[str, Any], predictions: int) -> bool:
        sent = self._events_delivered()
        if sent is not None:
            return sent >= predictions
        if (feed.get("behind") or 0) > 0 or self.sink().get("outbox_chunks", 0):
            self._idle_since = None
            return False
        self._idle_since = self._clock() if self._idle_since is None else self._idle_since
        return self._clock() - self._idle_since > SETTLED_SECONDS

    def _events_delivered(self) -> int | None:
        """Events in the accepted rows of Pulse; None for a use case without a count of events."""
        column = self._case.events_column
        return None if column is None else self._inspector.accepted_sum(column)
