"""The eventstream sink: the rows the powerbi sink would send, as messages to a Fabric Eventstream, event hub or Kafka.

A batch is written down before any of it is sent, so that a replay is the same batch with the same numbers. Delivery is
at least once: a producer's idempotence ends with its process, so what was under way in a crash is sent again, with the
same `livegold-feed`, `livegold-batch` and `livegold-row`. Who drops duplicates of these three has every row exactly
once. Another `livegold-feed` is gold from its start: it takes the place of all that came before.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from livegold.reporting.errors import LivegoldError, ServiceUnavailable, Transient, WrongUse
from livegold.reporting.schema import TICK
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.base import FeedBatch, Sink
from livegold.reporting.sinks.budget import Budget
from livegold.reporting.sinks.lock import only_sink
from livegold.reporting.sinks.messages import BATCH_HEADER, FEED_HEADER, ROW_HEADER, check_columns, messages
from livegold.reporting.sinks.messenger import Messenger, Target
from livegold.reporting.sinks.planner import FEED, LAST_BATCH, NEWEST_BUCKET, Planner
from livegold.reporting.sinks.retry import backoff, empty_outbox
from livegold.reporting.sinks.state import Journal, Parcel, add_counts
from livegold.reporting.sinks.values import CUT, NULLED
from livegold.reporting.specification import UseCase

log = logging.getLogger(__name__)

NAME = "eventstream"
MODE = "at least once"
EXACT_BY = f"drop duplicates of {FEED_HEADER}, {BATCH_HEADER}, {ROW_HEADER}"
# What one batch may add of single predictions. No budget here asks for less; memory does.
MAX_SPOTLIGHT_ROWS = 1_000_000


def state_dir(home: Path, case: str) -> Path:
    """Where the eventstream sink of a use case keeps its state."""
    return home / "sinks" / case / NAME


class _NoBudget(Budget):
    """Counts what was sent, and never asks to wait or to leave out."""

    def wait(self, rows: int) -> float:
        return 0.0

    def spotlight_room(self, planned: int) -> int:
        return MAX_SPOTLIGHT_ROWS


class EventstreamSink(Sink):
    """Delivers one use case to one topic. See `Sink` for when which method may be called.

    `state` is the folder of the journal, one for each topic. `clock` gives seconds since the epoch. `messenger` makes
    what sends, from the target and what to call while it waits.
    """

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
        check_columns(case)
        self._case = case
        self._target = target
        self._state = state
        self._clock = clock
        self._rng = rng or random.Random()
        self._closing = threading.Event()
        self._working = threading.Lock()
        self._messenger = messenger(target, self._while_waiting)
        self._lock: IO[str] | None = None
        self._journal: Journal
        self._planner: Planner
        self._rows_sent = (-1, 0)
        self._last_trouble = ""

    @classmethod
    def from_settings(cls, settings: Settings, case: UseCase) -> EventstreamSink:
        """The sink as a run uses it; SettingsError names a setting or secret that is missing."""
        return cls(case, Target.of(settings, case.name), state_dir(settings.home, case.name))

    def check(self) -> None:
        """SecondWriter when another livegold has this state, WrongUse when it is that of another topic."""
        if self._lock is None:
            only_sink(self._state, self._case.name).close()
            self._same("topic", self._target.topic, str(status_of(self._state).get("topic") or ""))

    def followed(self) -> str | None:
        try:
            journal = Journal(self._state, read_only=True, sink=NAME)
        except WrongUse:
            return None
        with journal:
            return journal.get(FEED) or None

    def forget(self, *, drop: bool = False) -> None:
        if drop:
            raise WrongUse(
                f"eventstream {self._target.where}: no call deletes messages: leave --drop out; readers tell what "
                f"was before from the refill by its {FEED_HEADER}"
            )
        with only_sink(self._state, self._case.name), Journal(self._state, sink=NAME) as journal:
            journal.put(**{FEED: "", "stopped": ""})

    def open(self) -> None:
        """Waits for the broker, and delivers what a crash left in the outbox.

        Raises Unauthorized or NotFound (the topic), SecondWriter when another sink has the same state, WrongUse when
        that is the state for another topic or cluster.
        """
        with self._working:
            self._lock = only_sink(self._state, self._case.name)
            self._journal = Journal(self._state, sink=NAME)
            try:
                with self._telling():
                    self._same("topic", self._target.topic, self._journal.get("topic"))
                    self._journal.put(topic=self._target.topic, servers=self._target.servers)
                    cluster = self._messenger.check()
                    self._same("cluster", cluster, self._journal.get("cluster"))
                    self._journal.put(cluster=cluster)
                    self._note_answer()
                    self._plan()
                    self._empty_outbox()
            except BaseException:
                self._let_go()
                raise

    def write(self, batch: FeedBatch) -> None:
        """Delivers a batch; one that was delivered before is left out."""
        with self._working, self._telling():
            if batch.feed != self._journal.get(FEED):
                self._start_over(batch.feed)
            if not self._planner.is_written_down(batch.number):
                self._planner.write_down(batch)
            self._empty_outbox()

    def close(self) -> None:
        self._closing.set()
        with self._working:
            self._let_go()

    def status(self) -> Mapping[str, Any]:
        return status_of(self._state)

    def _let_go(self) -> None:
        self._messenger.close()
        if self._lock is not None:
            self._journal.close()
            self._lock.close()
            self._lock = None

    def _same(self, what: str, now: str, before: str) -> None:
        """Another topic has nothing of what was sent so far; going on in the middle would be a gap for its readers."""
        if before and now != before:
            raise WrongUse(
                f"eventstream: {self._state} is the state for {what} {before!r}, and now it is {now!r}: set it back, "
                "or remove that folder, and everything gold has is sent to the new one from the start"
            )

    def _plan(self) -> None:
        self._planner = Planner(self._case, self._journal, _NoBudget(self._journal, self._clock), self._clock)
        # What the ledger has of a batch that a crash cut off is where the numbers of its rows go on.
        self._rows_sent = (-1, 0)
        parcel = self._journal.next_parcel()
        if parcel is not None:
            with self._journal.reading() as db:
                (rows,) = db.execute(
                    "select coalesce(sum(rows), 0) from ledger where batch = ?", (parcel.batch,)
                ).fetchone()
            self._rows_sent = (parcel.batch, rows)

    def _start_over(self, feed: str) -> None:
        """Another feed hands over all of gold once more; ticks go on, so that the newest one stays the newest."""
        self._journal.start_over(**{FEED: feed, LAST_BATCH: -1, NEWEST_BUCKET: ""})
        self._plan()

    def _empty_outbox(self) -> None:
        empty_outbox(self._journal, self._deliver, self._wait_after)

    def _deliver(self, parcel: Parcel) -> None:
        batch, rows = self._rows_sent
        first = rows if batch == parcel.batch else 0
        counts: Counter[str] = Counter()
        made = list(messages(parcel, self._case.name, self._journal.get(FEED), first, counts))
        self._journal.sending(parcel, self._clock())
        self._messenger.send(made)
        self._journal.accepted(parcel, self._clock(), "sent")
        if counts:
            with self._journal.transaction() as db:
                add_counts(db, counts)
        self._rows_sent = (parcel.batch, first + parcel.rows)
        self._note_answer()

    # Waiting and telling.

    def _while_waiting(self, trouble: str) -> None:
        if trouble and trouble != self._last_trouble:
            self._last_trouble = trouble
            self._note(f"eventstream {self._target.where}: {trouble}")
            log.warning("eventstream %s: %s; waiting", self._target.where, trouble)
        self._end_if_closing()

    def _wait_after(self, error: Transient, attempt: int) -> None:
        self._end_if_closing()
        self._note(str(error))
        pause = backoff(attempt, self._rng)
        log.warning("%s; again in %.1f s", error, pause)
        self._closing.wait(pause)
        self._end_if_closing()

    def _end_if_closing(self) -> None:
        if self._closing.is_set():
            raise _Closed(f"the eventstream sink of {self._case.name} was closed while it waited")

    def _note_answer(self) -> None:
        self._last_trouble = ""

    def _note(self, error: str) -> None:
        failures = int(self._journal.get("failures", "0")) + 1
        self._journal.put(last_error=error, last_error_at=self._clock(), failures=failures)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """A LivegoldError that gets out is kept as the cause of the stop, for `livegold status`."""
        if self._journal.get("stopped"):
            self._journal.put(stopped="")
        try:
            yield
        except _Closed:
            raise
        except LivegoldError as error:
            self._journal.put(stopped=str(error))
            self._note(str(error))
            raise


class _Closed(ServiceUnavailable):
    """The sink was closed while it waited: no cause of anything."""


def status_of(state: Path) -> dict[str, Any]:
    """The status of the sink with this state folder, also from another process; state "new" before its first run."""
    try:
        journal = Journal(state, read_only=True, sink=NAME)
    except WrongUse:
        return {"sink": NAME, "state": "new", "mode": MODE, "exact_by": EXACT_BY}
    try:
        counts = journal.counts()
        tables = {t: {"rows": r, "parcels": p, "last_accepted_at": a} for t, r, p, a in journal.delivered()}
        with journal.reading() as db:
            (again,) = db.execute("select coalesce(sum(rows), 0) from ledger where attempts > 1").fetchone()
            (waiting,) = db.execute("select coalesce(sum(rows), 0) from outbox").fetchone()
        stopped = journal.get("stopped")
        return {
            "sink": NAME,
            "state": "stopped" if stopped else "running",
            "stopped": stopped or None,
            "topic": journal.get("topic") or None,
            "servers": journal.get("servers") or None,
            "mode": MODE,
            "exact_by": EXACT_BY,
            "feed": journal.get(FEED) or None,
            "last_batch": int(journal.get(LAST_BATCH, "-1")),
            "tick": int(journal.get(TICK, "0")),
            "outbox_rows": waiting,
            "tables": tables,
            "rows_delivered": sum(t["rows"] for t in tables.values()),
            "rows_maybe_twice": again,
            "strings_cut": counts.get(CUT, 0),
            "values_nulled": counts.get(NULLED, 0),
            "failures": int(journal.get("failures", "0")),
            "last_error": journal.get("last_error") or None,
            "last_error_at": float(journal.get("last_error_at", "0")) or None,
            "last_accepted_at": float(journal.get("last_accepted_at", "0")) or None,
        }
    finally:
        journal.close()
