"""The powerbi sink: batches of the gold feed as rows of a push dataset, effectively once. No rows are made here.

Each chunk is one POST with its sequence number. Before a chunk in doubt is sent again, the table's sequence number is
read back for as long as the service may take to show it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from livegold.reporting.errors import Ambiguous, LivegoldError, NotFound, Refused
from livegold.reporting.findings import Finding
from livegold.reporting.powerbi import (
    POWERBI_SETTINGS,
    PowerBIClient,
    Session,
    dataset_name,
    powerbi_settings,
    push_dataset,
    rows_body,
)
from livegold.reporting.powerbi.limits import MAX_REQUEST_BYTES, MAX_ROWS_BASIC_FIFO, MAX_ROWS_PER_POST
from livegold.reporting.schema import TOTALS
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.inspector import AT_LEAST_ONCE
from livegold.reporting.sinks.lock import WRITERS, only_writer
from livegold.reporting.sinks.outbox import FOUND, SENT, OutboxSink
from livegold.reporting.sinks.planner import Planned
from livegold.reporting.sinks.powerbi.budget import Budget
from livegold.reporting.sinks.powerbi.destination import (
    DATASET_NAME,
    DEFINITION,
    PUSH_RANGES,
    Destination,
    check_definition,
    reset_dataset,
)
from livegold.reporting.sinks.powerbi.inspector import PowerBIInspector
from livegold.reporting.sinks.rows import Row
from livegold.reporting.sinks.state import SinkState
from livegold.reporting.specification import UseCase

# How long after a POST its number is looked for before it is sent again, because the service may show a number late. If
# it is known to be late, because the number of an earlier POST is missing too, it gets longer.
SETTLE_SECONDS = 15.0
LATEST_SECONDS = 300.0
LOOK_SECONDS = 1.0


class PowerBISink(OutboxSink):
    """Delivers one use case to its push dataset. See `Sink` for when each method may be called.

    `client` must not be shared. `dataset_named` is the dataset's name, by default derived from the use case. `writers`
    is the lock folder through which writers on one machine see each other.
    """

    name = "powerbi"
    settings = POWERBI_SETTINGS
    ranges = PUSH_RANGES
    max_rows = MAX_ROWS_PER_POST
    max_bytes = MAX_REQUEST_BYTES
    inspector = PowerBIInspector

    def __init__(
        self,
        case: UseCase,
        client: PowerBIClient,
        state: Path,
        *,
        dataset_named: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] | None = None,
        rng: random.Random | None = None,
        writers: Path = WRITERS,
    ) -> None:
        super().__init__(case, state, clock=clock, sleep=sleep, rng=rng)
        self._client = client
        self._dataset_name = dataset_named or dataset_name(case)
        self._definition = push_dataset(case, self._dataset_name)
        self._writers = writers
        self._budget: Budget
        self._destination: Destination | None = None

    @classmethod
    def from_settings(cls, settings: Settings, case: UseCase) -> PowerBISink:
        reach = powerbi_settings(settings)
        client = PowerBIClient.from_settings(reach)
        return cls(case, client, cls.folder(settings, case), dataset_named=reach["powerbi.dataset"])

    @classmethod
    def checks(cls, settings: Settings, case: UseCase | None) -> Iterator[Finding]:
        from livegold.reporting.sinks.powerbi.checks import PowerBIChecks

        reach = powerbi_settings(settings)
        with Session(reach["powerbi.ca"]) as session:
            yield from PowerBIChecks(reach, case, session)()

    @property
    def dataset(self) -> str:
        """Id of the dataset, available once open."""
        return self._there.id

    @property
    def _there(self) -> Destination:
        assert self._destination is not None
        return self._destination

    # ---- the destination ---------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self._destination is None:
            self._budget = Budget(self._state, self._clock)
            self._destination = Destination(
                self._case, self._client, self._state, self._definition, self._clock, self._wait
            )
        self._destination.ready()

    def _disconnect(self) -> None:
        self._client.close()

    def _check_state(self, state: SinkState) -> None:
        check_definition(self._case, state.get(DEFINITION), state.get(DATASET_NAME), self._definition)

    def _has_batches_of(self, state: SinkState) -> bool:
        # A dataset with another name has none of the batches.
        return state.get(DATASET_NAME) == self._dataset_name

    def _lock_destination(self, held: ExitStack) -> None:
        place = f"{self._client.root}/{self._dataset_name}"
        held.enter_context(only_writer(place, f"dataset {self._dataset_name!r}", self._writers))

    def _reset(self, state: SinkState, *, drop: bool) -> None:
        reset_dataset(self._client, state, self._dataset_name, drop=drop)

    def _start_over(self, feed: str) -> None:
        self._there.start_over(feed)

    # ---- limits and encoding -----------------------------------------------------------------------------------------

    def _limit(self, planned: Planned) -> None:
        planned.keep_newest_pulse(MAX_ROWS_BASIC_FIFO)
        room = self._budget.spotlight_room(len(planned.pulse) + planned.ticks)
        planned.keep_worst_spotlight(min(MAX_ROWS_BASIC_FIFO, room))

    def _encode(self, table: str, rows: Sequence[Row], counts: Counter[str]) -> bytes:
        return rows_body(rows)

    # ---- sending -----------------------------------------------------------------------------------------------------

    def _hold(self, chunk: Chunk) -> None:
        while (wait := self._budget.wait(chunk.rows)) > 0:
            self._wait(wait)
        self._there.refuse_second_writer()

    def _send(self, chunk: Chunk) -> str:
        try:
            self._client.post_rows(self.dataset, chunk.table, chunk.body, chunk.sequence)
        except Ambiguous:
            raise
        except NotFound as error:
            self._state.not_sent(chunk)
            raise self._there.gone(error) from None
        except Refused:
            # The service may reject a number it already has, from an attempt whose number it shows late.
            if chunk.attempts and self._has_landed(chunk):
                return FOUND
            self._state.not_sent(chunk)
            raise
        except LivegoldError:
            self._state.not_sent(chunk)
            raise
        return SENT

    def _settle(self, chunk: Chunk) -> bool:
        if self._has_landed(chunk):
            self._state.accepted(chunk, self._clock(), FOUND)
            return True
        if chunk.table == TOTALS and self._there.mode == AT_LEAST_ONCE:
            self._planner.replace_tick(chunk.batch)
            return True
        return False

    def _has_landed(self, chunk: Chunk) -> bool:
        begun = self._state.last_begun()
        before = self._state.last_accepted(chunk.table)
        while True:
            number = self._there.last_number(chunk.table)
            if number is None:
                return False
            if number > chunk.sequence:
                raise self._there.second_writer(chunk.table, number, chunk.sequence)
            if number == chunk.sequence:
                return True
            is_late = before is not None and number < before
            if self._clock() - begun >= (LATEST_SECONDS if is_late else SETTLE_SECONDS):
                return False
            self._wait(LOOK_SECONDS)
