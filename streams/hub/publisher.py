"""Publishes events to the hub at a given rate. Does not generate them: they come as an iterator of keys and bytes.

Published means acknowledged: only events the broker has confirmed are counted. The producer is idempotent, so its own
retries never store an event twice.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from livegold.reporting.errors import LivegoldError, ServiceUnavailable, WrongUse
from livegold.streams.hub.hub import FILE_EVENTS, FILE_SUFFIX, Failure, Hub, offsets

Event = tuple[str | None, bytes]
"""Key (the business key, or None) and value, as they go into the hub."""

TICK_SECONDS = 0.02
"""Events due within one tick are sent together: sleeping before each one could not sustain thousands a second."""
PROGRESS_SECONDS = 0.25
FLUSH_SECONDS = 60.0
DELIVERY_SECONDS = 60.0
_FAST_EVENTS = 2_000  # sent between checks of acknowledgements and `stop` when no rate is given


@dataclass(frozen=True)
class Published:
    """The result of publishing: acknowledged events, bytes of their values, and each partition's next offset.

    For a folder hub `next_offsets` is empty.
    """

    count: int
    bytes: int
    seconds: float
    next_offsets: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.count / self.seconds if self.seconds > 0 else 0.0


Progress = Callable[[Published], None]


def publish(
    hub: Hub,
    events: Iterable[Event],
    *,
    rate: float | None = None,
    count: int | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    delivery_seconds: float = DELIVERY_SECONDS,
) -> Published:
    """Publishes `events` until they end, `count` is reached or `stop` is set; everything sent is then acknowledged.

    `rate` is in events a second; None means as fast as the hub takes them. `progress` is called about four times a
    second and at the end. Publishing fails if an event is not acknowledged within `delivery_seconds`. Raises WrongUse
    (rate, count), Unauthorized, NotFound, and ServiceUnavailable with the number of events acknowledged so far.
    """
    if rate is not None and not 0 < rate <= 10_000_000:
        raise WrongUse(f"rate is {rate}: give events a second, more than 0")
    if count is not None and count < 0:
        raise WrongUse(f"count is {count}: give 0 or more events")
    stop = stop or threading.Event()
    wanted = iter(events) if count is None else islice(events, count)
    outlet: _KafkaOutlet | _FolderOutlet
    outlet = _FolderOutlet(hub, rate) if hub.folder is not None else _KafkaOutlet(hub, delivery_seconds)
    return _pump(outlet, wanted, rate, progress or (lambda _: None), stop)


def _pump(
    outlet: _KafkaOutlet | _FolderOutlet,
    events: Iterator[Event],
    rate: float | None,
    progress: Progress,
    stop: threading.Event,
) -> Published:
    started = time.monotonic()
    shown = started
    sent = 0
    try:
        while not stop.is_set():
            now = time.monotonic()
            due = _FAST_EVENTS if rate is None else int((now - started) * rate) + 1 - sent
            batch: list[Event] = []
            try:
                for event in islice(events, max(due, 0)):
                    batch.append(event)
            finally:
                # Events an iterator yielded before it failed are sent too.
                outlet.send(batch)
            sent += len(batch)
            if len(batch) < due:
                break
            if now - shown >= PROGRESS_SECONDS:
                shown = now
                progress(outlet.published(now - started))
            if rate is not None:
                # Ticks are counted from the start, so that time spent sending does not accumulate as drift.
                ticks = int((time.monotonic() - started) / TICK_SECONDS) + 1
                stop.wait(max(0.0, started + ticks * TICK_SECONDS - time.monotonic()))
    finally:
        outlet.flush()
    result = outlet.published(time.monotonic() - started)
    progress(result)
    return result


class _KafkaOutlet:
    def __init__(self, hub: Hub, delivery_seconds: float) -> None:
        offsets(hub)  # a wrong password or topic fails at once with a clear error; the producer would retry
        self._hub = hub
        self._failure = Failure(hub)
        self._count = 0
        self._bytes = 0
        self._next: dict[int, int] = {}
        self._lost: KafkaError | None = None
        self._producer = Producer(
            hub.client_options()
            | {
                "enable.idempotence": True,
                "linger.ms": 5,
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": 200_000,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",  # as in Java clients: a key goes to the same partition
                "delivery.timeout.ms": int(delivery_seconds * 1000),
                "error_cb": self._failure,
                "on_delivery": self._delivered,
            }
        )

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._lost = self._lost or error
            return
        self._count += 1
        self._bytes += len(message)
        partition, offset = message.partition(), message.offset()
        assert partition is not None, "a delivered message has its partition"
        assert offset is not None, "a delivered message has its offset"
        self._next[partition] = max(offset + 1, self._next.get(partition, 0))

    def send(self, events: list[Event]) -> None:
        produce, topic = self._producer.produce, self._hub.topic
        for key, value in events:
            while True:
                try:
                    produce(topic, value, key)
                    break
                except BufferError:
                    self._producer.poll(0.05)
                    self._check()
        self._producer.poll(0)
        self._check()

    def flush(self) -> None:
        left = self._producer.flush(FLUSH_SECONDS)
        self._check()
        if left:
            raise self._failed(
                f"{left} events were not acknowledged within {FLUSH_SECONDS:.0f} s ({self._failure.last})"
            )

    def _check(self) -> None:
        self._failure.check()
        if self._lost is not None:
            raise self._failed(f"an event was not delivered: {self._lost.str()}")

    def _failed(self, what: str) -> LivegoldError:
        return ServiceUnavailable(f"hub {self._hub.where}: {what}; {self._count} events were acknowledged before")

    def published(self, seconds: float) -> Published:
        return Published(self._count, self._bytes, seconds, dict(self._next))


class _FolderOutlet:
    """One JSON-lines file every second, or every FILE_EVENTS events; a file is complete once its name is visible."""

    def __init__(self, hub: Hub, rate: float | None) -> None:
        assert hub.folder is not None
        self._folder: Path = hub.folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._per_file = FILE_EVENTS if rate is None else max(1, min(FILE_EVENTS, int(rate)))
        # Files of several publishers must not collide in one folder.
        self._run = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}"
        self._files = 0
        self._waiting: list[bytes] = []
        self._count = 0
        self._bytes = 0

    def send(self, events: list[Event]) -> None:
        for _, value in events:
            if b"\n" in value:
                raise WrongUse(f"an event holds a line feed, which a folder hub cannot keep: {value[:60]!r}")
            self._waiting.append(value)
            if len(self._waiting) >= self._per_file:
                self._write()

    def flush(self) -> None:
        if self._waiting:
            self._write()

    def _write(self) -> None:
        self._files += 1
        file = self._folder / f"{self._run}-{self._files:06d}{FILE_SUFFIX}"
        hidden = self._folder / f".{file.name}.tmp"
        with hidden.open("wb") as out:
            out.write(b"\n".join(self._waiting) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        hidden.rename(file)
        self._count += len(self._waiting)
        self._bytes += sum(map(len, self._waiting))
        self._waiting = []

    def published(self, seconds: float) -> Published:
        return Published(self._count, self._bytes, seconds)
