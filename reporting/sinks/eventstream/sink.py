"""The eventstream sink: the rows the powerbi sink would send, as messages to a Fabric Eventstream, event hub or Kafka.

Delivery is at least once: a producer's idempotence ends with its process, so what was in flight at a crash is sent
again, with the same `livegold-feed`, `livegold-batch` and `livegold-row`. A reader that drops duplicates of these three
gets every row exactly once. A new `livegold-feed` is gold from its start and replaces everything before it.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livegold.reporting.errors import WrongUse
from livegold.reporting.findings import Finding
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.eventstream.messages import (
    BATCH_HEADER,
    FEED_HEADER,
    ROW_HEADER,
    body_of,
    check_columns,
    messages,
)
from livegold.reporting.sinks.eventstream.messenger import EVENTSTREAM_SETTINGS, Messenger, Target
from livegold.reporting.sinks.inspector import Inspector
from livegold.reporting.sinks.outbox import SENT, OutboxSink
from livegold.reporting.sinks.rows import Row
from livegold.reporting.sinks.state import FEED, SinkState
from livegold.reporting.specification import UseCase

log = logging.getLogger(__name__)

TOPIC, SERVERS, CLUSTER = "topic", "servers", "cluster"
"""Keys under which the state records its destination."""


class EventstreamInspector(Inspector):
    """Adds the topic to the status."""

    exact_by = f"drop duplicates of {FEED_HEADER}, {BATCH_HEADER}, {ROW_HEADER}"

    def _more(self, state: SinkState) -> Mapping[str, Any]:
        topic = state.get(TOPIC) or None
        return {"place": f"topic {topic or 'none yet'}", "topic": topic, "servers": state.get(SERVERS) or None}


class EventstreamSink(OutboxSink):
    """Delivers one use case to one topic. See `Sink` for when each method may be called.

    `messenger` creates the Messenger from the target and the callback for waiting.
    """

    name = "eventstream"
    settings = EVENTSTREAM_SETTINGS
    inspector = EventstreamInspector

    def __init__(
        self,
        case: UseCase,
        target: Target,
        state: Path,
        *,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        messenger: Callable[[Target, Callable[[str], None]], Messenger] = Messenger,
    ) -> None:
        super().__init__(case, state, clock=clock, rng=rng)
        check_columns(case)
        self._target = target
        self._messenger = messenger(target, self._while_waiting)
        self._last_trouble = ""

    @classmethod
    def from_settings(cls, settings: Settings, case: UseCase) -> EventstreamSink:
        return cls(case, Target.of(settings, case.name), cls.folder(settings, case))

    @classmethod
    def checks(cls, settings: Settings, case: UseCase | None) -> Iterator[Finding]:
        from livegold.reporting.sinks.eventstream.checks import eventstream_access

        return eventstream_access(settings, case)

    def _connect(self) -> None:
        """Waits for the broker. Raises Unauthorized, or NotFound for the topic."""
        self._state.put(**{TOPIC: self._target.topic, SERVERS: self._target.servers})
        cluster = self._messenger.check()
        self._refuse_other(CLUSTER, cluster, self._state)
        self._state.put(**{CLUSTER: cluster})
        self._last_trouble = ""

    def _disconnect(self) -> None:
        self._messenger.close()

    def _check_state(self, state: SinkState) -> None:
        self._refuse_other(TOPIC, self._target.topic, state)

    def _refuse_other(self, what: str, now: str, state: SinkState) -> None:
        """Another topic lacks everything sent so far; continuing there mid-way would leave its readers with a gap."""
        before = state.get(what)
        if before and now != before:
            raise WrongUse(
                f"eventstream: the state in {self._folder} belongs to {what} {before!r}, but the setting is now "
                f"{now!r}: change it back, or delete that folder to send all of gold to the new one"
            )

    def _reset(self, state: SinkState, *, drop: bool) -> None:
        if drop:
            raise WrongUse(
                f"eventstream {self._target.where}: messages cannot be deleted: omit --drop; readers can tell old "
                f"messages from the refill by the header {FEED_HEADER}"
            )

    def _encode(self, table: str, rows: Sequence[Row], counts: Counter[str]) -> bytes:
        return body_of(table, rows, counts)

    def _send(self, chunk: Chunk) -> str:
        self._messenger.send(list(messages(chunk, self._case.name, self._state.get(FEED))))
        self._last_trouble = ""
        return SENT

    def _while_waiting(self, trouble: str) -> None:
        if trouble and trouble != self._last_trouble:
            self._last_trouble = trouble
            self._note(f"eventstream {self._target.where}: {trouble}")
            log.warning("eventstream %s: %s; waiting", self._target.where, trouble)
        self._end_if_closing()
