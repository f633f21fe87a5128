"""The sink that others are made from: outbox, ledger, retry, resume and status. A sink of its own says where it sends.

A batch goes through in this order, and may be cut off after any step:

1. its rows are planned, limited and encoded, and put into the outbox as chunks, in one transaction;
2. each chunk, in order, waits until the sink lets it go (`_hold`);
3. the outbox notes that it is being sent (from here on it may have landed);
4. it is sent (`_send`);
5. it moves from the outbox to the ledger.

A chunk that stopped between 3 and 5 is in doubt. A sink that can find out what became of it says so in `_settle`; any
other sends it again, with the same numbers: at least once.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from livegold.reporting.errors import LivegoldError, ServiceUnavailable, Throttled, Transient, WrongUse
from livegold.reporting.findings import Finding
from livegold.reporting.settings import Setting, Settings
from livegold.reporting.sinks.chunks import Chunk, Cutter
from livegold.reporting.sinks.inspector import Inspector
from livegold.reporting.sinks.lock import only_sink
from livegold.reporting.sinks.planner import Planned, Planner
from livegold.reporting.sinks.retry import backoff, drain, until_done
from livegold.reporting.sinks.rows import Row
from livegold.reporting.sinks.sink import FeedBatch, Sink
from livegold.reporting.sinks.state import FEED, LAST_BATCH, NEWEST_BUCKET, STOPPED, SinkState, state_dir
from livegold.reporting.sinks.values import Ranges
from livegold.reporting.specification import UseCase

log = logging.getLogger(__name__)

# Waits are slept in slices, so that a sink that is being closed does not sleep on for an hour.
SLICE_SECONDS = 5.0
# What was begun is remembered this long: no destination counts by more than the hour.
REMEMBERED_SECONDS = 2 * 3_600.0
SENT, FOUND = "sent", "found"
"""How a chunk got into the ledger: the destination took it now, or had it already."""


class OutboxSink(Sink):
    """Delivers one use case to one destination. See `Sink` for when which method may be called.

    A sink of its own has a `name`, the same as its entry point in `livegold.sinks`, and at least `from_settings`,
    `_encode` and `_send`. `state` is the folder of its state. `clock` gives seconds since the epoch; `sleep` waits some
    seconds, and whatever it raises ends the call that waits.
    """

    name: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]] = ()
    """Its settings; their keys begin with its name and a dot."""
    ranges: ClassVar[Ranges] = Ranges()
    """What the destination takes of values."""
    max_rows: ClassVar[int] = 10_000
    """Rows of a chunk at most."""
    max_bytes: ClassVar[int | None] = None
    """Bytes of an encoded chunk at most; None for any."""
    inspector: ClassVar[type[Inspector]] = Inspector
    """What reads its state from outside."""

    def __init__(
        self,
        case: UseCase,
        state: Path,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._case = case
        self._folder = state
        self._clock = clock
        self._closing = threading.Event()
        self._sleep = sleep or self._sleep_until_closed
        self._rng = rng or random.Random()
        self._working = threading.Lock()
        self._held: ExitStack | None = None
        self._state: SinkState
        self._planner: Planner

    # ---- what the registry asks a class ------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Settings, case: UseCase) -> Self:
        """The sink as a run uses it; SettingsError names a setting or secret that is missing."""

    @classmethod
    def inspect(cls, settings: Settings, case: UseCase) -> Inspector:
        """What it has delivered, to be read while a sink of the same use case runs or not."""
        return cls.inspector(cls.name, case, cls.folder(settings, case), settings)

    @classmethod
    def checks(cls, settings: Settings, case: UseCase | None) -> Iterator[Finding]:
        """What `livegold doctor` shows of the destination. Changes nothing there."""
        return iter(())

    @classmethod
    def folder(cls, settings: Settings, case: UseCase) -> Path:
        """Where its state is."""
        return state_dir(settings.home, case.name, cls.name)

    # ---- what a sink of its own says ---------------------------------------------------------------------------------

    @abstractmethod
    def _encode(self, table: str, rows: Sequence[Row], counts: Counter[str]) -> bytes:
        """Rows of a table, as they will be sent. `counts` gets what had to be changed (names of `values`)."""

    @abstractmethod
    def _send(self, chunk: Chunk) -> str:
        """Sends a chunk, and returns SENT once the destination has all of it.

        A Transient error means that it is tried again, any other stops the sink.
        """

    def _connect(self) -> None:
        """Finds the destination, or makes it. Transient: it is called again after a pause."""

    def _disconnect(self) -> None:
        """Lets go of connections; may be called more than once."""

    def _check_state(self, state: SinkState) -> None:
        """Raises WrongUse where the state is that of another destination or use case. Asks nobody."""

    def _has_batches_of(self, state: SinkState) -> bool:
        """Whether the destination of now has the batches that the state knows of."""
        return True

    def _lock_destination(self, held: ExitStack) -> None:
        """Takes what only one writer on this machine may have; SecondWriter."""

    def _reset(self, state: SinkState, *, drop: bool) -> None:
        """What else it takes before gold is handed over from the start."""
        if drop:
            raise WrongUse(f"{self.name}: delivered rows cannot be deleted: omit --drop")

    def _start_over(self, feed: str) -> None:
        """Gets ready for a feed that hands over everything; ticks go on, so that the newest one stays the newest."""
        self._state.start_over(**{FEED: feed, LAST_BATCH: -1, NEWEST_BUCKET: ""})

    def _limit(self, planned: Planned) -> None:
        """Takes out of a batch what the destination has no room for."""

    def _hold(self, chunk: Chunk) -> None:
        """Waits (`_wait`) until a chunk may go."""

    def _settle(self, chunk: Chunk) -> bool:
        """Whether a chunk in doubt is out of the outbox now, without being sent again."""
        return False

    # ---- the sink ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """SecondWriter when another livegold has this state, WrongUse when it is that of something else."""
        if self._held is None:
            self._locks().close()
            state = SinkState.there(self._folder, self.name)
            if state is not None:
                with state:
                    self._check_state(state)

    def source_id(self) -> str | None:
        state = SinkState.there(self._folder, self.name)
        if state is None:
            return None
        with state:
            return (state.get(FEED) or None) if self._has_batches_of(state) else None

    def reset(self, *, drop: bool = False) -> None:
        with self._locks(), SinkState(self._folder, self.name) as state:
            self._reset(state, drop=drop)
            state.put(**{FEED: "", STOPPED: ""})

    def open(self) -> None:
        """Gets to the destination, however long that takes, and delivers what a crash left in the outbox.

        Raises the Terminal errors of the destination, SecondWriter when another sink has the same state or destination,
        WrongUse when the state is that of another destination.
        """
        with self._working:
            self._held = self._locks()
            try:
                self._state = self._held.enter_context(SinkState(self._folder, self.name))
                with self._telling():
                    self._check_state(self._state)
                    until_done(self._connect, self._wait_after)
                    self._plan_anew()
                    self._drain()
            except BaseException:
                self._let_go()
                raise

    def write(self, batch: FeedBatch) -> None:
        """Delivers a batch; one that was delivered before is left out. Another feed than before begins anew."""
        with self._working, self._telling():
            self._take(batch.feed)
            if batch.number > self._state.last_batch:
                self._enqueue(batch)
            self._drain()

    def close(self) -> None:
        self._closing.set()
        with self._working:
            self._let_go()

    def status(self) -> Mapping[str, Any]:
        return self.inspector(self.name, self._case, self._folder, clock=self._clock).status()

    def _let_go(self) -> None:
        self._disconnect()
        if self._held is not None:
            self._held.close()
            self._held = None

    def _locks(self) -> ExitStack:
        """One sink on a state, and what else only one may have."""
        with ExitStack() as held:
            held.enter_context(only_sink(self._folder, self._case.name))
            self._lock_destination(held)
            return held.pop_all()

    # ---- a batch -----------------------------------------------------------------------------------------------------

    def _take(self, feed: str) -> None:
        before = self._state.get(FEED)
        if before == feed:
            return
        if before or self._state.last_batch >= 0:
            until_done(lambda: self._start_over(feed), self._wait_after)
            self._plan_anew()
        else:
            self._state.put(**{FEED: feed})

    def _plan_anew(self) -> None:
        cutter = Cutter(self._encode, self.max_rows, self.max_bytes)
        self._planner = Planner(self._case, self._state, self.needs, self.ranges, cutter)

    def _enqueue(self, batch: FeedBatch) -> None:
        planned = self._planner.plan(batch)
        self._limit(planned)
        self._planner.enqueue(planned)
        self._state.drop_begun_before(self._clock() - REMEMBERED_SECONDS)

    def _drain(self) -> None:
        drain(self._state, self._deliver, self._wait_after)

    def _deliver(self, chunk: Chunk) -> None:
        if chunk.doubt and self._settle(chunk):
            return
        self._hold(chunk)
        self._state.sending(chunk, self._clock())
        how = self._send(chunk)
        self._state.accepted(chunk, self._clock(), how)

    # ---- waiting and telling -----------------------------------------------------------------------------------------

    def _wait_after(self, error: Transient, attempt: int) -> None:
        if isinstance(error, _Closed):
            raise error
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
        self._closing.wait(seconds)
        self._end_if_closing()

    def _end_if_closing(self) -> None:
        if self._closing.is_set():
            raise _Closed(f"the {self.name} sink of {self._case.name} was closed while it waited")

    def _note(self, error: LivegoldError | str) -> None:
        """Keeps what went wrong last, for `livegold status`."""
        counter = "throttled" if isinstance(error, Throttled) else "failures"
        n = int(self._state.get(counter, "0")) + 1
        self._state.put(last_error=str(error), last_error_at=self._clock(), **{counter: n})

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """A LivegoldError that gets out is kept as the cause of the stop, for `livegold status`."""
        if self._state.get(STOPPED):
            self._state.put(**{STOPPED: ""})
        try:
            yield
        except LivegoldError as error:
            if not self._closing.is_set():
                self._state.put(**{STOPPED: str(error)})
                self._note(error)
            raise


class _Closed(ServiceUnavailable):
    """The sink was closed while it waited: no cause of anything."""
