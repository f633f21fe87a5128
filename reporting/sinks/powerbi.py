"""The powerbi sink: batches of the gold feed as rows of a push dataset, once in effect. No rows are made here.

A batch goes through in this order, and may be cut off after any step:

1. `Planner` writes all of its POSTs into the outbox, in one transaction;
2. each POST, in order, waits until the budget has room for it;
3. the outbox notes that it is being sent (from here on it may have landed);
4. it is sent, with its sequence number;
5. it moves from the outbox to the ledger.

A POST that stopped between 3 and 5 is in doubt: before it is sent again, the table's sequence number is read back, for
as long as the service may take to show it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from livegold.reporting.errors import Ambiguous as AmbiguousError
from livegold.reporting.errors import (
    LivegoldError,
    NotFound,
    Refused,
    ServiceUnavailable,
    Throttled,
    Transient,
    WrongUse,
)
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.dataset import dataset_name, push_dataset
from livegold.reporting.schema import TOTALS
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.base import FeedBatch, Sink
from livegold.reporting.sinks.budget import Budget
from livegold.reporting.sinks.destination import (
    AT_LEAST_ONCE,
    DATASET_NAME,
    DEFINITION,
    FEED,
    Destination,
    check_definition,
    forget_dataset,
)
from livegold.reporting.sinks.lock import WRITERS, only_sink, only_writer
from livegold.reporting.sinks.planner import LAST_BATCH, Planner
from livegold.reporting.sinks.powerbi_status import status_of
from livegold.reporting.sinks.retry import backoff, empty_outbox, persistently
from livegold.reporting.sinks.state import Journal, Parcel
from livegold.reporting.specification import UseCase

log = logging.getLogger(__name__)

# Waits are slept in slices, so that a sink that is being closed does not sleep on for an hour.
SLICE_SECONDS = 5.0
# So long after a POST its number is looked for before it is sent again: a service may show a number late. Where it is
# seen to be late, because the number of an earlier POST is missing too, it is given more.
SETTLE_SECONDS = 15.0
LATEST_SECONDS = 300.0
LOOK_SECONDS = 1.0


def state_dir(home: Path, case: str) -> Path:
    """Where the powerbi sink of a use case keeps its state."""
    return home / "sinks" / case / "powerbi"


class PowerBISink(Sink):
    """Delivers one use case to its push dataset. See `Sink` for when which method may be called.

    `state` is the folder of the journal. `clock` gives seconds since the epoch; `sleep` waits some seconds, and
    whatever it raises ends the call that waits. `client` must be used by nobody else. `name` is the dataset's, by
    default that of the use case. `writers` is the folder of locks by which writers on one machine see each other.
    """

    def __init__(
        self,
        case: UseCase,
        client: PowerBIClient,
        state: Path,
        *,
        name: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
        writers: Path = WRITERS,
    ) -> None:
        self._case = case
        self._client = client
        self._state = state
        self._name = name or dataset_name(case)
        self._definition = push_dataset(case, self._name)
        self._clock = clock
        self._closing = threading.Event()
        self._sleep = sleep or self._sleep_until_closed
        self._rng = rng or random.Random()
        self._writers = writers
        self._working = threading.Lock()
        self._locks: list[IO[str]] = []
        self._journal: Journal
        self._budget: Budget
        self._planner: Planner
        self._destination: Destination

    @classmethod
    def from_settings(cls, settings: Settings, case: UseCase) -> PowerBISink:
        """The sink as a run uses it; SettingsError names a setting or secret that is missing."""
        client = PowerBIClient.from_settings(settings)
        return cls(case, client, state_dir(settings.home, case.name), name=settings["powerbi.dataset"])

    @property
    def dataset(self) -> str:
        """Id of the dataset, once open."""
        return self._destination.id

    def check(self) -> None:
        for lock in self._take_locks():
            lock.close()
        try:
            journal = Journal(self._state, read_only=True)
        except WrongUse:
            return
        with journal:
            check_definition(self._case, journal.get(DEFINITION), journal.get(DATASET_NAME), self._definition)

    def followed(self) -> str | None:
        try:
            journal = Journal(self._state, read_only=True)
        except WrongUse:
            return None
        with journal:
            # A dataset of another name has none of the batches.
            return (journal.get(FEED) or None) if journal.get(DATASET_NAME) == self._name else None

    def forget(self, *, drop: bool = False) -> None:
        with ExitStack() as held:
            for lock in self._take_locks():
                held.enter_context(lock)
            forget_dataset(self._client, held.enter_context(Journal(self._state)), self._name, drop=drop)

    def open(self) -> None:
        """Finds or makes the dataset, and delivers what a crash left in the outbox.

        Raises Terminal errors of the client; Refused for a dataset of the name that cannot be used; SecondWriter when
        another sink has the same state or dataset.
        """
        with self._working:
            self._locks = self._take_locks()
            self._journal = Journal(self._state)
            self._budget = Budget(self._journal, self._clock)
            self._destination = Destination(
                self._case, self._client, self._journal, self._definition, self._clock, self._wait
            )
            try:
                with self._telling():
                    persistently(self._destination.ready, self._wait_after)
                    self._planner = Planner(self._case, self._journal, self._budget, self._clock)
                    self._empty_outbox()
            except BaseException:
                self._let_go()
                raise

    def write(self, batch: FeedBatch) -> None:
        """Delivers a batch; one that was delivered before is left out. Another feed than before begins anew."""
        with self._working, self._telling():
            self._follow(batch.feed)
            if not self._planner.is_written_down(batch.number):
                self._planner.write_down(batch)
            self._empty_outbox()

    def close(self) -> None:
        self._closing.set()
        with self._working:
            self._let_go()

    def _let_go(self) -> None:
        if self._locks:
            self._journal.close()
        for lock in self._locks:
            lock.close()
        self._locks = []
        self._client.close()

    def status(self) -> Mapping[str, Any]:
        return status_of(self._state, self._clock)

    def _follow(self, feed: str) -> None:
        before = self._journal.get(FEED)
        if before == feed:
            return
        if before or int(self._journal.get(LAST_BATCH, "-1")) >= 0:
            persistently(lambda: self._destination.start_over(feed), self._wait_after)
            self._planner = Planner(self._case, self._journal, self._budget, self._clock)
        else:
            self._journal.put(**{FEED: feed})

    # Sending what is in the outbox.

    def _empty_outbox(self) -> None:
        empty_outbox(self._journal, self._deliver, self._wait_after)

    def _deliver(self, parcel: Parcel) -> None:
        if parcel.doubt and self._has_landed(parcel):
            self._journal.accepted(parcel, self._clock(), "found")
            return
        if parcel.doubt and parcel.table == TOTALS and self._destination.mode == AT_LEAST_ONCE:
            self._planner.replace_tick(parcel.batch)
            return
        while (wait := self._budget.wait(parcel.rows)) > 0:
            self._wait(wait)
        self._destination.refuse_second_writer()
        self._journal.sending(parcel, self._clock())
        try:
            self._client.post_rows(self.dataset, parcel.table, parcel.body, parcel.sequence)
        except AmbiguousError:
            raise
        except NotFound as error:
            self._journal.not_sent(parcel)
            raise self._destination.gone(error) from None
        except Refused:
            # A service may refuse a number it has: of an attempt whose number it shows late.
            if parcel.attempts and self._has_landed(parcel):
                self._journal.accepted(parcel, self._clock(), "found")
                return
            self._journal.not_sent(parcel)
            raise
        except LivegoldError:
            self._journal.not_sent(parcel)
            raise
        self._journal.accepted(parcel, self._clock(), "sent")

    def _has_landed(self, parcel: Parcel) -> bool:
        begun = self._journal.last_begun()
        before = self._journal.last_accepted(parcel.table)
        while True:
            number = self._destination.last_number(parcel.table)
            if number is None:
                return False
            if number > parcel.sequence:
                raise self._destination.second_writer(parcel.table, number, parcel.sequence)
            if number == parcel.sequence:
                return True
            is_late = before is not None and number < before
            if self._clock() - begun >= (LATEST_SECONDS if is_late else SETTLE_SECONDS):
                return False
            self._wait(LOOK_SECONDS)

    # Waiting and telling.

    def _wait_after(self, error: Transient, attempt: int) -> None:
        self._note(error)
        if self._closing.is_set():
            raise error
        pause = error.retry_after if error.retry_after is not None else backoff(attempt, self._rng)
        log.log(logging.WARNING if attempt > 1 else logging.INFO, "%s; again in %.1f s", error, pause)
        self._wait(pause)

    def _wait(self, seconds: float) -> None:
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0:
            self._sleep(min(left, SLICE_SECONDS))

    def _sleep_until_closed(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise ServiceUnavailable(f"the powerbi sink of {self._case.name} was closed while it waited")

    def _note(self, error: LivegoldError) -> None:
        counter = "throttled" if isinstance(error, Throttled) else "failures"
        n = int(self._journal.get(counter, "0")) + 1
        self._journal.put(last_error=str(error), last_error_at=self._clock(), **{counter: n})

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """A LivegoldError that gets out is kept as the cause of the stop, for `livegold status`."""
        if self._journal.get("stopped"):
            self._journal.put(stopped="")
        try:
            yield
        except LivegoldError as error:
            if not self._closing.is_set():
                self._journal.put(stopped=str(error))
                self._note(error)
            raise

    def _take_locks(self) -> list[IO[str]]:
        """One sink on a state, and one writer of a dataset on this machine."""
        file = only_sink(self._state, self._case.name)
        try:
            place = f"{self._client.root}/{self._name}"
            return [file, only_writer(place, f"dataset {self._name!r}", self._writers)]
        except BaseException:
            file.close()
            raise
