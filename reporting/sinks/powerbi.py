"""The powerbi sink: batches of the gold feed as rows of a push dataset, once in effect. No rows are made here.

A batch goes through in this order, and may be cut off after any step:

1. `Planner` writes all of its POSTs into the outbox, in one transaction;
2. each POST, in order, waits until the budget has room for it;
3. the outbox notes that it is being sent (from here on it may have landed);
4. it is sent, with its sequence number;
5. it moves from the outbox to the ledger.

A POST that stopped between 3 and 5 is in doubt: before it is sent again, the table's sequence number is read back.
"""

from __future__ import annotations

import fcntl
import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from reporting.errors import Ambiguous as AmbiguousError
from reporting.errors import (
    LivegoldError,
    NotFound,
    Refused,
    SecondWriter,
    ServiceUnavailable,
    Throttled,
    Transient,
    WrongUse,
)
from reporting.measure_dax import PULSE, TOTALS
from reporting.powerbi.client import Dataset, PowerBIClient
from reporting.powerbi.dataset import dataset_name, push_dataset
from reporting.powerbi.limits import MAX_POSTS_PER_MINUTE, MAX_ROWS_PER_HOUR
from reporting.settings import Settings
from reporting.sinks.base import FeedBatch, Sink
from reporting.sinks.budget import Budget
from reporting.sinks.journal import Journal, Parcel
from reporting.sinks.parcels import base_above, sequence_number
from reporting.sinks.planner import BASE, LAST_BATCH, THINNED, TICK, Planner
from reporting.sinks.values import CUT, NULLED
from reporting.usecase import UseCase

log = logging.getLogger(__name__)

RETENTION = "basicFIFO"
ONCE, AT_LEAST_ONCE = "once", "at least once"
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0
# Waits are slept in slices, so that a sink that is being closed does not sleep on for an hour.
SLICE_SECONDS = 5.0
# A number read back below one that was accepted before is read again this often: the service may show it late.
LATE_READS = 3
LATE_READ_SECONDS = 1.0


def state_dir(home: Path, case: str) -> Path:
    """Where the powerbi sink of a use case keeps its state."""
    return home / "sinks" / case / "powerbi"


class PowerBISink(Sink):
    """Delivers one use case to its push dataset. See `Sink` for when which method may be called.

    `state` is the folder of the journal, one for each dataset. `clock` gives seconds since the epoch; `sleep` waits
    some seconds, and whatever it raises ends the call that waits. `client` must be used by nobody else.
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
        dice: random.Random | None = None,
    ) -> None:
        self._case = case
        self._client = client
        self._state = state
        self._name = name or dataset_name(case)
        self._definition = push_dataset(case, self._name)
        self._clock = clock
        self._closing = threading.Event()
        self._sleep = sleep or self._sleep_until_closed
        self._dice = dice or random.Random()
        self._working = threading.Lock()
        self._lock: IO[str] | None = None
        self._journal: Journal
        self._budget: Budget
        self._planner: Planner
        self._dataset = ""

    @classmethod
    def from_settings(cls, settings: Settings, case: UseCase) -> PowerBISink:
        """The sink as a run uses it; SettingsError names a setting or secret that is missing."""
        return cls(case, PowerBIClient.from_settings(settings), state_dir(settings.home, case.name))

    @property
    def dataset(self) -> str:
        """Id of the dataset, once open."""
        return self._dataset

    def open(self) -> None:
        """Finds or makes the dataset, and delivers what a crash left in the outbox.

        Raises Terminal errors of the client; Refused for a dataset of the name that cannot be used; SecondWriter when
        another sink has the same state.
        """
        with self._working:
            self._state.mkdir(parents=True, exist_ok=True)
            self._lock = self._only_one()
            self._journal = Journal(self._state)
            self._budget = Budget(self._journal, self._clock)
            try:
                with self._telling():
                    self._dataset = self._persistently(self._found_or_made)
                    self._planner = Planner(self._case, self._journal, self._budget, self._clock)
                    self._empty_outbox()
            except BaseException:
                self._let_go()
                raise

    def write(self, batch: FeedBatch) -> None:
        """Delivers a batch; one that was delivered before is left out."""
        with self._working, self._telling():
            if not self._planner.is_written_down(batch.number):
                self._planner.write_down(batch)
            self._empty_outbox()

    def close(self) -> None:
        self._closing.set()
        with self._working:
            self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._journal.close()
            self._lock.close()
            self._lock = None
        self._client.close()

    def status(self) -> Mapping[str, Any]:
        return status_of(self._state, self._clock)

    # Finding or making the dataset.

    def _found_or_made(self) -> str:
        dataset = self._journal.get("dataset_id")
        if dataset:
            self._same_definition(dataset)
            return dataset
        twins = [d for d in self._client.datasets() if d.name == self._name]
        if len(twins) > 1:
            ids = ", ".join(t.id for t in twins)
            raise Refused(
                f"workspace has {len(twins)} datasets named {self._name!r} ({ids}): delete or rename all but one"
            )
        if twins:
            return self._taken_over(twins[0])
        made = self._client.create_dataset(self._definition, RETENTION)
        log.info("made dataset %r (%s)", self._name, made.id)
        self._remember(made.id, base=0, tick=0)
        return made.id

    def _same_definition(self, dataset: str) -> None:
        if self._journal.get("definition") != _digest(self._definition):
            self._fits(dataset)
            for table in self._definition["tables"]:
                self._client.put_table(dataset, table)
            self._journal.put(definition=_digest(self._definition))

    def _taken_over(self, found: Dataset) -> str:
        """A dataset from before this state: emptied, as the feed begins again too; its numbers stay behind us."""
        if found.push is False:
            raise Refused(
                f"dataset {self._name!r} ({found.id}) takes no rows: it was not made as a push dataset; rename it"
            )
        self._fits(found.id)
        numbers = []
        for table in self._definition["tables"]:
            self._client.put_table(found.id, table)
            last = self._last_number(found.id, table["name"])
            numbers.append(-1 if last is None else last)
        log.warning("dataset %r (%s) is emptied: its rows came from a state that is gone", self._name, found.id)
        for table in self._definition["tables"]:
            self._client.delete_rows(found.id, table["name"])
        # Ticks and numbers go on above everything that may have been used; seconds since 1970 outrun one tick a second.
        newest = max(numbers)
        self._remember(found.id, base=base_above(newest) if newest >= 0 else 0, tick=int(self._clock()))
        return found.id

    def _fits(self, dataset: str) -> None:
        there = set(self._client.tables(dataset))
        missing = [t["name"] for t in self._definition["tables"] if t["name"] not in there]
        if missing:
            raise Refused(
                f"dataset {self._name!r} ({dataset}) has no table {missing[0]!r} and no call can add one: "
                "delete the dataset and run `livegold backfill`, or give the use case another name"
            )

    def _remember(self, dataset: str, *, base: int, tick: int) -> None:
        values: dict[str, object] = {BASE: base, TICK: tick, "definition": _digest(self._definition)}
        self._journal.put(dataset_id=dataset, dataset_name=self._name, **values)

    # Sending what is in the outbox.

    def _empty_outbox(self) -> None:
        backoff = 0
        while (parcel := self._journal.next_parcel()) is not None:
            try:
                self._deliver(parcel)
                backoff = 0
            except Transient as error:
                backoff += 1
                self._wait_after(error, backoff)

    def _deliver(self, parcel: Parcel) -> None:
        if parcel.doubt and self._has_landed(parcel):
            self._journal.accepted(parcel, self._clock(), "found")
            return
        if parcel.doubt and parcel.table == TOTALS and self._mode() == AT_LEAST_ONCE:
            self._planner.replace_tick(parcel.batch)
            return
        while (wait := self._budget.wait(parcel.rows)) > 0:
            self._wait(wait)
        self._journal.sending(parcel, self._clock())
        try:
            self._client.post_rows(self._dataset, parcel.table, parcel.body, parcel.sequence)
        except AmbiguousError:
            raise
        except NotFound as error:
            self._journal.not_sent(parcel)
            raise NotFound(
                f"{error}: dataset {self._name!r} is gone: remove {self._state} and run `livegold backfill`",
                status=error.status,
                code=error.code,
                request_id=error.request_id,
            ) from None
        except LivegoldError:
            self._journal.not_sent(parcel)
            raise
        self._journal.accepted(parcel, self._clock(), "sent")

    def _has_landed(self, parcel: Parcel) -> bool:
        before = self._journal.last_accepted(parcel.table)
        for _ in range(LATE_READS):
            number = self._last_number(self._dataset, parcel.table)
            if number is None:
                return False
            if number > parcel.sequence:
                raise _second_writer(parcel.table, self._dataset, number, parcel.sequence)
            if number == parcel.sequence:
                return True
            if before is None or number >= before:
                return False
            self._wait(LATE_READ_SECONDS)
        return False

    def _refuse_second_writer(self, dataset: str) -> None:
        number = self._last_number(dataset, PULSE)
        base = int(self._journal.get(BASE, "0"))
        accepted = self._journal.last_accepted(PULSE)
        ours = max(sequence_number(base, -1, 0), self._journal.highest_planned(PULSE), accepted or 0)
        if number is not None and number > ours:
            raise _second_writer(PULSE, dataset, number, ours)

    def _last_number(self, dataset: str, table: str) -> int | None:
        """The service's last sequence number of a table, -1 for none yet; None where it does not offer them."""
        try:
            numbers = self._client.sequence_numbers(dataset, table)
        except NotFound:
            if table not in self._client.tables(dataset):
                raise
            self._journal.put(mode=AT_LEAST_ONCE)
            return None
        self._journal.put(mode=ONCE)
        return max((n.number for n in numbers), default=-1)

    def _mode(self) -> str:
        return self._journal.get("mode", ONCE)

    # Waiting and telling.

    def _persistently(self, call: Callable[[], str]) -> str:
        attempt = 0
        while True:
            try:
                found = call()
                self._refuse_second_writer(found)
                return found
            except Transient as error:
                attempt += 1
                self._wait_after(error, attempt)

    def _wait_after(self, error: Transient, attempt: int) -> None:
        self._note(error)
        if self._closing.is_set():
            raise error
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(attempt, 20))
        pause = error.retry_after if error.retry_after is not None else longest * self._dice.uniform(0.5, 1.0)
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

    def _telling(self) -> _Telling:
        return _Telling(self)

    def note_stop(self, error: LivegoldError) -> None:
        """Keeps the cause of a stop for `livegold status`."""
        if not self._closing.is_set():
            self._journal.put(stopped=str(error))
            self._note(error)

    def note_running(self) -> None:
        if self._journal.get("stopped"):
            self._journal.put(stopped="")

    def _only_one(self) -> IO[str]:
        file = (self._state / "lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise SecondWriter(
                f"another livegold delivers {self._case.name} from {self._state}: stop it, or use another LIVEGOLD_HOME"
            ) from None
        return file


class _Telling:
    """Around a call: a LivegoldError that gets out is kept as the cause of the stop."""

    def __init__(self, sink: PowerBISink) -> None:
        self._sink = sink

    def __enter__(self) -> None:
        self._sink.note_running()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LivegoldError):
            self._sink.note_stop(error)


def _second_writer(table: str, dataset: str, number: int, ours: int) -> SecondWriter:
    return SecondWriter(
        f"table {table!r} of dataset {dataset} has sequence number {number}, above {ours}, the last sent from here: "
        "somebody else writes to it; stop the other, or give this one another name"
    )


def status_of(state: Path, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """The status of the sink with this state folder, also from another process; state "new" before its first run."""
    try:
        journal = Journal(state, read_only=True)
    except WrongUse:
        return {"sink": "powerbi", "state": "new"}
    try:
        used = Budget(journal, clock).used()
        counts = journal.counts()
        tables = {t: {"rows": r, "posts": p, "last_accepted_at": a} for t, r, p, a in journal.delivered()}
        stopped = journal.get("stopped")
        return {
            "sink": "powerbi",
            "state": "stopped" if stopped else "running",
            "stopped": stopped or None,
            "dataset": journal.get("dataset_id") or None,
            "dataset_name": journal.get("dataset_name") or None,
            "mode": journal.get("mode", ONCE),
            "last_batch": int(journal.get(LAST_BATCH, "-1")),
            "tick": int(journal.get(TICK, "0")),
            "outbox_posts": journal.waiting(),
            "rows_last_hour": used.rows,
            "rows_limit": MAX_ROWS_PER_HOUR,
            "posts_last_minute": used.posts,
            "posts_limit": MAX_POSTS_PER_MINUTE,
            "tables": tables,
            "rows_delivered": sum(t["rows"] for t in tables.values()),
            "spotlight_thinned": counts.get(THINNED, 0),
            "strings_cut": counts.get(CUT, 0),
            "values_nulled": counts.get(NULLED, 0),
            "throttled": int(journal.get("throttled", "0")),
            "failures": int(journal.get("failures", "0")),
            "last_error": journal.get("last_error") or None,
            "last_error_at": float(journal.get("last_error_at", "0")) or None,
            "last_accepted_at": float(journal.get("last_accepted_at", "0")) or None,
        }
    finally:
        journal.close()


def _digest(definition: Mapping[str, Any]) -> str:
    import hashlib

    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:16]
