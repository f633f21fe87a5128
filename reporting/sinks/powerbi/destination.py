"""The push dataset of a use case: found, created, taken over, emptied, and watched for other writers. Sends no batch.

Sequence numbers reveal other writers: if a table's number is not ours, somebody else wrote to it. A dataset filled from
a state that no longer exists is *claimed* before it is emptied: a row of zeros with a number above all others tells a
writer that is still running to stop, and it is given time to notice before the rows are deleted.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from livegold.reporting.errors import NotFound, Refused, SecondWriter
from livegold.reporting.powerbi import Dataset, PowerBIClient, impossible_changes
from livegold.reporting.powerbi.limits import (
    DECIMAL_DIGITS,
    DECIMAL_SCALE,
    DOUBLE_MAX,
    INT64_MAX,
    INT64_MIN,
    MAX_STRING_CHARACTERS,
)
from livegold.reporting.schema import PULSE, TICK
from livegold.reporting.sinks.chunks import base_above, sequence_number
from livegold.reporting.sinks.inspector import AT_LEAST_ONCE, ONCE
from livegold.reporting.sinks.rows import zero_pulse_row
from livegold.reporting.sinks.state import BASE, FEED, LAST_BATCH, NEWEST_BUCKET, STOPPED, SinkState
from livegold.reporting.sinks.values import Ranges
from livegold.reporting.specification import UseCase

log = logging.getLogger(__name__)

RETENTION = "basicFIFO"
PUSH_RANGES = Ranges((INT64_MIN, INT64_MAX), DOUBLE_MAX, (DECIMAL_DIGITS, DECIMAL_SCALE), MAX_STRING_CHARACTERS)
DATASET_ID, DATASET_NAME, DEFINITION = "dataset_id", "dataset_name", "definition"
MODE, EMPTYING = "mode", "emptying"
# A writer checks for others this often, and one that takes over waits longer than that before it empties the dataset.
WATCH_SECONDS = 5.0
CLAIM_SECONDS = 3 * WATCH_SECONDS


class Destination:
    """One dataset and what the state knows about it. `wait(seconds)` waits; `clock` gives seconds since the epoch."""

    def __init__(
        self,
        case: UseCase,
        client: PowerBIClient,
        state: SinkState,
        definition: Mapping[str, Any],
        clock: Callable[[], float],
        wait: Callable[[float], None],
    ) -> None:
        self._case = case
        self._client = client
        self._state = state
        self._definition = definition
        self._wanted = json.dumps(definition, sort_keys=True)
        self._name = str(definition["name"])
        self._tables = [t["name"] for t in definition["tables"]]
        self._clock = clock
        self._wait = wait
        self._watched = 0.0
        self.id = ""

    def ready(self) -> None:
        """Finds or creates the dataset. Raises Refused if one with the name cannot be used, SecondWriter, Transient."""
        kept = self._state.get(DATASET_ID) if self._state.get(DATASET_NAME) == self._name else ""
        self.id = kept
        if kept:
            self._bring_up_to_date()
            self.refuse_second_writer(now=True)
        else:
            self.id = self._found_or_made()
        if self._state.get(EMPTYING):
            self._empty()

    def start_over(self, feed: str) -> None:
        """Empties the dataset and everything known about it, for a feed that starts over. Retry after a Transient."""
        newest = max([self._state.highest_number(), *(n for n in self._numbers() if n is not None)])
        log.warning("dataset %r (%s) is emptied: gold is handed over from the start", self._name, self.id)
        self._begin_again(newest, {FEED: feed})
        self._empty()

    def last_number(self, table: str) -> int | None:
        """The service's last sequence number of a table, -1 for none yet; None if it does not offer them."""
        try:
            numbers = self._client.sequence_numbers(self.id, table)
        except NotFound:
            try:
                there = self._client.tables(self.id)
            except NotFound as error:
                raise self.gone(error) from None
            if table not in there:
                raise
            self._note_mode(AT_LEAST_ONCE)
            return None
        self._note_mode(ONCE)
        return max((n.number for n in numbers), default=-1)

    def _note_mode(self, mode: str) -> None:
        # Numbers are read every few seconds: only changes are written to disk.
        if self._state.get(MODE) != mode:
            self._state.put(**{MODE: mode})

    def gone(self, error: NotFound) -> NotFound:
        """The service's error for a dataset or table that does not exist, with what to do about it."""
        return NotFound(
            f"{error}: dataset {self._name!r} is gone: run `livegold backfill {self._case.name}`",
            status=error.status,
            code=error.code,
            request_id=error.request_id,
        )

    @property
    def mode(self) -> str:
        return self._state.get(MODE, ONCE)

    def refuse_second_writer(self, *, now: bool = False) -> None:
        """Raises SecondWriter if Pulse has a number not sent from here. Checks every WATCH_SECONDS, or `now`."""
        if not now and self._clock() - self._watched < WATCH_SECONDS:
            return
        self._watched = self._clock()
        number = self.last_number(PULSE)
        base = int(self._state.get(BASE, "0"))
        accepted = self._state.last_accepted(PULSE)
        ours = max(sequence_number(base, -1, 0), self._state.highest_enqueued(PULSE), accepted or 0)
        if number is not None and number > ours:
            raise self.second_writer(PULSE, number, ours)

    def second_writer(self, table: str, number: int, ours: int) -> SecondWriter:
        return SecondWriter(
            f"table {table!r} of dataset {self.id} has sequence number {number}, above {ours}, the last sent from "
            "here: somebody else writes to it; stop the other, or give this one another powerbi.dataset"
        )

    # A dataset that is ours.

    def _bring_up_to_date(self) -> None:
        if self._state.get(DEFINITION) != self._wanted:
            self._put_tables(self.id)
            self._state.put(**{DEFINITION: self._wanted})

    # A dataset that is not ours yet.

    def _found_or_made(self) -> str:
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
        self._begin_again(-1, self._described(made.id) | {EMPTYING: "", BASE: 0, TICK: 0})
        return made.id

    def _taken_over(self, found: Dataset) -> str:
        """Takes over a dataset that predates this state: it is emptied, as the feed also starts over, and the sequence
        numbers continue above the ones it has."""
        if found.push is False:
            raise Refused(
                f"dataset {self._name!r} ({found.id}) takes no rows: it was not made as a push dataset; rename it"
            )
        self._put_tables(found.id)
        self.id = found.id
        # No number may mean that nobody wrote, or that the service shows the newest late: claimed in both cases.
        offered = [n for n in self._numbers() if n is not None]
        newest = self._claim(max(offered)) if offered else -1
        log.warning("dataset %r (%s) is emptied: its rows came from a state that is gone", self._name, found.id)
        self._begin_again(newest, self._described(found.id))
        return found.id

    def _claim(self, newest: int) -> int:
        """Tells other writers to stop; returns the sequence number sent for this."""
        number = sequence_number(self._base_above(newest), 0, 0)
        log.warning("dataset %r (%s) has had another writer: it is told to stop", self._name, self.id)
        at = dt.datetime.fromtimestamp(self._clock(), dt.UTC)
        self._client.post_rows(self.id, PULSE, [zero_pulse_row(self._case, at, PUSH_RANGES)], number)
        self._wait(CLAIM_SECONDS)
        there = self.last_number(PULSE)
        if there is not None and there > number:
            raise self.second_writer(PULSE, there, number)
        return number

    def _put_tables(self, dataset: str) -> None:
        """Updates columns and measures to the definition; raises Refused if a table is missing."""
        there = set(self._client.tables(dataset))
        missing = [name for name in self._tables if name not in there]
        if missing:
            raise Refused(
                f"dataset {self._name!r} ({dataset}) has no table {missing[0]!r} and no call can add one: "
                f"{choices_of(self._case)}"
            )
        for table in self._definition["tables"]:
            self._client.put_table(dataset, table)

    def _described(self, dataset: str) -> dict[str, object]:
        return {DATASET_ID: dataset, DATASET_NAME: self._name, DEFINITION: self._wanted, FEED: ""}

    def _begin_again(self, newest: int, values: Mapping[str, object]) -> None:
        fresh = {LAST_BATCH: -1, NEWEST_BUCKET: "", EMPTYING: 1, STOPPED: "", **values}
        tick = max(int(self._state.get(TICK, "0")), int(self._clock()))
        self._state.start_over(**{BASE: self._base_above(newest), TICK: tick, **fresh})

    def _base_above(self, newest: int) -> int:
        # Seconds since 1970 stay ahead of one batch per second, so also above numbers that the service shows late.
        return max(base_above(newest) + 1, int(self._clock()))

    def _numbers(self) -> list[int | None]:
        return [self.last_number(table) for table in self._tables]

    def _empty(self) -> None:
        for table in self._tables:
            self._client.delete_rows(self.id, table)
        self._state.put(**{EMPTYING: ""})


def check_definition(case: UseCase, kept: str, kept_name: str, definition: Mapping[str, Any]) -> None:
    """Raises Refused, before any request, if a dataset made from the definition `kept` cannot become `definition`."""
    if not kept.startswith("{") or kept_name != definition["name"]:
        return
    faults = impossible_changes(json.loads(kept), definition)
    if faults:
        raise Refused(
            f"dataset {definition['name']!r} cannot be changed to match use case {case.name}: {'; '.join(faults)}; "
            f"the API does not support this: {choices_of(case)}"
        )


def reset_dataset(client: PowerBIClient, state: SinkState, name: str, *, drop: bool) -> None:
    """`drop` deletes the dataset; one that no longer exists is treated as if it never had."""
    there = [d.id for d in client.datasets() if d.name == name]
    kept = state.get(DATASET_ID)
    if drop:
        if len(there) > 1 and kept not in there:
            raise Refused(f"workspace has {len(there)} datasets named {name!r} ({', '.join(there)}): delete them there")
        for dataset in [kept] if kept in there else there:
            client.delete_dataset(dataset)
            log.warning("deleted dataset %r (%s)", name, dataset)
    if drop or kept not in there:
        state.put(**{DATASET_ID: "", DATASET_NAME: "", DEFINITION: ""})


def choices_of(case: UseCase) -> str:
    return (
        "give it another name (setting powerbi.dataset), or run "
        f"`livegold backfill {case.name} --drop`, which deletes it, creates it again and fills it from gold"
    )
