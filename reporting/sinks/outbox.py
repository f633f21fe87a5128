"""The base class of sinks: outbox, ledger, retry, resume and status. A concrete sink adds where and how to send.

A batch goes through these steps, and may be interrupted after any of them:

1. its rows are planned, limited and encoded, and put into the outbox as chunks, in one transaction;
2. each chunk, in order, waits until the sink releases it (`_hold`);
3. the outbox records that it is being sent (from here on it may have arrived);
4. it is sent (`_send`);
5. it moves from the outbox to the ledger.

A chunk interrupted between 3 and 5 is in doubt. A sink that can find out whether it arrived does so in `_settle`; any
other sends it again with the same numbers, so delivery is at least once.
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

# Waits are slept in slices, so that a sink that is being closed does not keep sleeping for an hour.
SLICE_SECONDS = 5.0
# Started sends are remembered this long: no destination's limit covers more than an hour.
REMEMBERED_SECONDS = 2 * 3_600.0
SENT, FOUND = "sent", "found"
"""How a chunk got into the ledger: the destination accepted it now, or already had it."""


class OutboxSink(Sink):
    """Delivers one use case to one destination. See `Sink` for when each method may be called.

    A subclass defines its `name` (the same as its entry point in `livegold.sinks`) and at least `from_settings`,
    `_encode` and `_send`. `state` is the folder of its state. `clock` gives seconds since the epoch; `sleep` waits some
    seconds, and anything it raises ends the waiting call.
    """

    name: ClassVar[str]
    settings: ClassVar[tuple[Setting, ...]] = ()
    """Its settings; their keys begin with its name and a dot."""
    ranges: ClassVar[Ranges] = Ranges()
    """The value ranges the destination accepts."""
    max_rows: ClassVar[int] = 10_000
    """Maximum rows in a chunk."""
    max_bytes: ClassVar[int | None] = None
    """Maximum bytes in an encoded chunk; None for no limit."""
    inspector: ClassVar[type[Inspector]] = Inspector
    """The class that reads its state from outside."""

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

    # ---- called by the registry --------------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Settings, case: UseCase) -> Self:
        """The sink for a run; raises SettingsError naming a missing setting or secret."""

    @classmethod
    def inspect(cls, settings: Settings, case: UseCase) -> Inspector:
        """An inspector of what it has delivered, usable whether or not a sink of the same use case is running."""
        return cls.inspector(cls.name, case, cls.folder(settings, case), settings)

    @classmethod
    def checks(cls, settings: Settings, case: UseCase | None) -> Iterator[Finding]:
        """What `livegold doctor` shows about the destination. Changes nothing there."""
        return iter(())

    @classmethod
    def folder(cls, settings: Settings, case: UseCase) -> Path:
        """The folder of its state."""
        return state_dir(settings.home, case.name, cls.name)

    # ---- defined by concrete sinks -----------------------------------------------------------------------------------

    @abstractmethod
    def _encode(self, table: str, rows: Sequence[Row], counts: Counter[str]) -> bytes:
        """Encodes rows of a table for sending. Values that had to be changed are counted in `counts` (see `values`)."""

    @abstractmethod
    def _send(self, chunk: Chunk) -> str:
        """Sends a chunk, and returns SENT once the destination has all of it.

        A Transient error leads to a retry; any other error stops the sink.
        """

    def _connect(self) -> None:
        """Finds or creates the destination. Called again after a pause if it raises a Transient error."""

    def _disconnect(self) -> None:
        """Closes connections; may be called more than once."""

    def _check_state(self, state: SinkState) -> None:
        """Raises WrongUse if the state belongs to another destination or use case. Makes no requests."""

    def _has_batches_of(self, state: SinkState) -> bool:
        """Whether the current destination has the batches recorded in the state."""
        return True

    def _lock_destination(self, held: ExitStack) -> None:
        """Locks what only one writer on this machine may use; raises SecondWriter if it is locked already."""

    def _reset(self, state: SinkState, *, drop: bool) -> None:
        """Any further steps needed before gold is handed over from the start."""
        if drop:
            raise WrongUse(f"{self.name}: delivered rows cannot be deleted: omit --drop")

    def _start_over(self, feed: str) -> None:
        """Prepares for a feed that hands over everything; ticks keep counting, so that the newest stays the newest."""
        self._state.start_over(**{FEED: feed, LAST_BATCH: -1, NEWEST_BUCKET: ""})

    def _limit(self, planned: Planned) -> None:
        """Drops from a batch what the destination has no room for."""

    def _hold(self, chunk: Chunk) -> None:
        """Waits (using `_wait`) until a chunk may be sent."""

    def _settle(self, chunk: Chunk) -> bool:
        """Whether a chunk in doubt has been removed from the outbox without being sent again."""
        return False

    # ---- the sink ----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raises SecondWriter if another livegold is using this state, WrongUse if the state belongs elsewhere."""
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
        """Connects to the destination, however long that takes, and delivers what a crash left in the outbox.

        Raises the destination's Terminal errors, SecondWriter if another sink uses the same state or destination, and
        WrongUse if the state belongs to another destination.
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
        """Delivers a batch, skipping one that was already delivered. A different feed than before starts over."""
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
        """Locks the state and whatever else only one sink may use."""
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

    # ---- waiting and reporting ---------------------------------------------------------------------------------------

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
        """Records the last error for `livegold status`."""
        counter = "throttled" if isinstance(error, Throttled) else "failures"
        n = int(self._state.get(counter, "0")) + 1
        self._state.put(last_error=str(error), last_error_at=self._clock(), **{counter: n})

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Records a LivegoldError that is raised within as the reason the sink stopped, for `livegold status`."""
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
    """The sink was closed while it waited; not recorded as a failure."""
