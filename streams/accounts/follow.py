"""Follows one event: published, in raw, scored, in gold, accepted by Power BI, in the tile; each step with its time.

It only observes: it reads the hub, the tables and what the sink has delivered, and changes nothing except for the event
that it publishes. Needs a Kafka hub. A time is when a step was seen to be done (by this machine's clock), except for
two that others recorded: the broker's timestamp of the event, and when Power BI accepted the rows.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from livegold.reporting.errors import LivegoldError, NotFound, ServiceUnavailable, WrongUse
from livegold.reporting.lake import Lake, open_table
from livegold.reporting.schema import EVENT_ID, MODEL_VERSION, WRITTEN_BY_GOLD
from livegold.reporting.settings import Settings
from livegold.reporting.sinks import inspector_of
from livegold.reporting.specification import UseCase
from livegold.streams.hub import Failure, Hub, offsets

ACKNOWLEDGED_SECONDS = 15.0
PUBLISHED, RAW, SCORED, GOLD, ACCEPTED, TILE = "published", "raw", "scored", "gold", "accepted", "tile"
STEPS = (PUBLISHED, RAW, SCORED, GOLD, ACCEPTED, TILE)
TITLES = {
    PUBLISHED: "Published",
    RAW: "In raw, byte for byte",
    SCORED: "Scored by the model",
    GOLD: "In gold",
    ACCEPTED: "Accepted by Power BI",
    TILE: "In the tile",
}


@dataclass(frozen=True)
class Step:
    """One step: `at` is seconds since 1970, None until it has been seen; `text` describes it."""

    name: str
    at: float | None = None
    text: str = ""

    @property
    def title(self) -> str:
        return TITLES[self.name]


@dataclass(frozen=True)
class Place:
    """Where the hub keeps an event."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass
class Followed:
    """An event that is followed. `ended` says why it will go no further, empty if it may."""

    place: Place
    value: bytes
    steps: dict[str, Step] = field(default_factory=dict)
    ended: str = ""
    _batch: tuple[str, int] | None = None
    _tick: int | None = None

    @property
    def done(self) -> bool:
        return bool(self.ended) or all(name in self.steps for name in STEPS)

    def said(self) -> tuple[Step, ...]:
        """All the steps in order; those not done yet have no time."""
        return tuple(self.steps.get(name, Step(name)) for name in STEPS)


class Follower:
    """Publishes or picks single events of a use case and finds out where they are. Blocking; use from one thread."""

    def __init__(self, case: UseCase, settings: Settings) -> None:
        self._case, self._settings = case, settings
        self._hub = Hub.of(settings, case.name)
        if self._hub.folder is not None:
            raise WrongUse("setting hub.kind is 'folder': an event can be followed on a Kafka hub only")
        self._lake = Lake.of(settings, case.name)
        self._sink = inspector_of("powerbi", settings, case)

    def sample(self, seed: int | None = None) -> dict[str, Any]:
        """The fields of a synthetic event as it would be published now; without a generator, the names with None."""
        if self._case.generator is None:
            return {f.name: None for f in self._case.fields}
        now = datetime.now(UTC)
        seed = time.time_ns() % 1_000_000 if seed is None else seed
        # Generators make invalid, late and duplicate events on purpose; those that support it are asked for none.
        known = inspect.signature(self._case.generator).parameters
        clean = {name: 0.0 for name in ("dirty", "late", "duplicate") if name in known}
        for _, value in self._case.generator(seed, now, None, now=lambda: now, **clean):
            try:
                fields = json.loads(value)
            except ValueError:
                continue
            if isinstance(fields, dict) and all(
                fields.get(f.name) is not None for f in self._case.fields if f.required
            ):
                return {f.name: fields.get(f.name) for f in self._case.fields}
        raise LivegoldError(f"the generator of {self._case.name} made no event that has all required fields")

    def publish(self, fields: Mapping[str, Any]) -> Followed:
        """Publishes an event with these fields (None is left out); returns once the hub has acknowledged it."""
        value = json.dumps({k: v for k, v in fields.items() if v is not None}, ensure_ascii=False).encode()
        key = fields.get(self._case.event_id) if self._case.event_id else None
        offsets(self._hub)  # a missing hub fails at once with a clear error
        delivered: list[tuple[KafkaError | None, Message]] = []
        producer = Producer(self._hub.client_options() | {"enable.idempotence": True, "partitioner": "murmur2_random"})
        producer.produce(
            self._hub.topic, value, None if key is None else str(key), on_delivery=lambda e, m: delivered.append((e, m))
        )
        producer.flush(ACKNOWLEDGED_SECONDS)
        if not delivered or delivered[0][0] is not None:
            why = delivered[0][0].str() if delivered and delivered[0][0] is not None else "no answer"
            raise ServiceUnavailable(f"hub {self._hub.where}: the event was not acknowledged ({why})")
        return self._followed(delivered[0][1], value)

    def next_one(self, seconds: float = 10.0) -> Followed:
        """The next event that anyone publishes. NotFound if none arrives within `seconds`."""
        failure = Failure(self._hub)
        consumer = Consumer(self._hub.client_options() | {"group.id": "livegold-follow", "error_cb": failure})
        try:
            ends = offsets(self._hub)
            consumer.assign([TopicPartition(self._hub.topic, p, end) for p, (_, end) in ends.items()])
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                message = consumer.poll(0.2)
                failure.check()
                if message is not None and message.error() is None:
                    return self._followed(message, message.value() or b"")
        finally:
            consumer.close()
        raise NotFound(f"hub {self._hub.where}: no event came in {seconds:.0f} s: is anything publishing?")

    def look(self, event: Followed, shown_tick: int | None) -> tuple[Step, ...]:
        """Checks for further steps done. `shown_tick` is the newest complete tick of Totals shown on the page."""
        for step in (self._raw, self._gold, self._accepted):
            step(event)
        tick = event._tick
        if TILE not in event.steps and ACCEPTED in event.steps and tick is not None and (shown_tick or 0) >= tick:
            event.steps[TILE] = Step(TILE, time.time(), f"tick {tick} of Totals is complete and shown")
        return event.said()

    # ---- the steps ---------------------------------------------------------------------------------------------------

    def _followed(self, message: Message, value: bytes) -> Followed:
        partition, offset = message.partition(), message.offset()
        assert partition is not None, "an event in the hub has its partition"
        assert offset is not None, "an event in the hub has its offset"
        place = Place(self._hub.topic, partition, offset)
        _, stamp = message.timestamp()
        step = Step(PUBLISHED, stamp / 1000, f"{place} ({len(value):,} bytes)")
        return Followed(place, value, {PUBLISHED: step})

    def _raw(self, event: Followed) -> None:
        if RAW in event.steps:
            return
        row = self._row(self._lake.raw, event.place, ["value"])
        if row is not None:
            same = row["value"] == event.value
            text = "the same bytes" if same else "OTHER BYTES than were published"
            event.steps[RAW] = Step(RAW, time.time(), text)

    def _gold(self, event: Followed) -> None:
        if GOLD in event.steps or event.ended:
            return
        task = self._case.task
        columns = [EVENT_ID, *task.shown, MODEL_VERSION, *WRITTEN_BY_GOLD]
        row = self._row(self._lake.predictions, event.place, columns)
        if row is not None:
            now = time.time()
            said = f"{task.said(row)} (model version {row['model_version']})"
            event.steps[SCORED] = Step(SCORED, now, said)
            event.steps[GOLD] = Step(GOLD, now, f"predictions, batch {row['batch_id']}")
            event._batch = (row["query_id"], row["batch_id"])
            return
        bad = self._row(self._lake.quarantine, event.place, ["reasons"])
        if bad is not None:
            event.ended = f"in quarantine: {'; '.join(bad['reasons'])}"
        elif self._passed_by(event):
            event.ended = "a duplicate of an event that gold has already: it counts once"

    def _passed_by(self, event: Followed) -> bool:
        """Whether gold has finished the event's batch without it: it is valid, and a duplicate.

        Batches are written one after the other: if two have later events of the partition, the first is complete.
        """
        place = event.place
        try:
            table = open_table(self._lake.predictions).to_pyarrow_dataset()
        except NotFound:
            return False
        later = (pc.field("partition") == place.partition) & (pc.field("offset") > place.offset)
        batches = table.to_table(columns=[*WRITTEN_BY_GOLD], filter=later).group_by([*WRITTEN_BY_GOLD])
        if batches.aggregate([]).num_rows < 2:
            return False
        # Check once more: it may have arrived while the later ones were counted.
        tables = ((self._lake.predictions, EVENT_ID), (self._lake.quarantine, "reasons"))
        return all(self._row(path, place, [column]) is None for path, column in tables)

    def _accepted(self, event: Followed) -> None:
        if ACCEPTED in event.steps or event._batch is None:
            return
        sent = self._sink.batch_map(*event._batch)
        if sent is None:
            return
        number, event._tick = sent
        found = self._sink.accepted_of(number)
        if found.rows and not found.waiting:
            said = f"{found.rows:,} rows of batch {number}, this event's sums among them"
            event.steps[ACCEPTED] = Step(ACCEPTED, found.at, said)

    def _row(self, path: str, place: Place, columns: list[str]) -> dict[str, Any] | None:
        """The row at a place; the statistics of partition and offset tell which files can be skipped."""
        try:
            rows = (
                open_table(path)
                .to_pyarrow_dataset()
                .to_table(
                    columns=columns,
                    filter=(pc.field("partition") == place.partition)
                    & (pc.field("offset") == place.offset)
                    & (pc.field("topic") == place.topic),
                )
            )
        except NotFound:
            return None
        found: list[dict[str, Any]] = rows.to_pylist()
        return found[0] if found else None
