"""What a sink has delivered, read from its state from outside, even by another process while it runs. Asks no service.

A sink whose status has more than the common fields has its own inspector.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from livegold.reporting.errors import WrongUse
from livegold.reporting.measures import add
from livegold.reporting.schema import PULSE, TICK, TOTALS
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.planner import THINNED
from livegold.reporting.sinks.state import FEED, STOPPED, SinkState
from livegold.reporting.sinks.values import CUT, NULLED
from livegold.reporting.specification import UseCase

ONCE, AT_LEAST_ONCE = "once", "at least once"
NEW, RUNNING, STATE_STOPPED = "new", "running", "stopped"


@dataclass(frozen=True)
class DeliveredTable:
    """`rows` and `chunks` by the ledger; `held` is the destination's current row count, None if it was not asked."""

    rows: int
    chunks: int
    held: int | None = None


@dataclass(frozen=True)
class Delivered:
    """`sums` has the additive aggregates over all rows of Pulse in the ledger; `waiting` counts chunks not yet sent.

    `totals` has the same over the newest tick of Totals, and `pulse` over Pulse while it still holds every row sent,
    both as summed by the destination itself. They are None if it cannot be asked: `unasked` says why.
    """

    tables: Mapping[str, DeliveredTable]
    sums: Mapping[str, Any]
    waiting: int
    totals: Mapping[str, Any] | None = None
    pulse: Mapping[str, Any] | None = None
    unasked: str = ""


@dataclass(frozen=True)
class Accepted:
    """Progress of a delivered batch: `at` is its newest acceptance in seconds since the epoch, None for none yet."""

    rows: int
    waiting: int
    at: float | None


class Inspector:
    """Inspects one sink of a use case. Thread-safe; each call reads the state file afresh.

    `clock` gives seconds since the epoch. Raises WrongUse if another version of livegold wrote the state.
    """

    mode: ClassVar[str] = AT_LEAST_ONCE
    """The sink's delivery guarantee: ONCE or AT_LEAST_ONCE."""
    exact_by: ClassVar[str] = ""
    """How a reader gets each row exactly once when delivery is at least once."""

    def __init__(
        self,
        name: str,
        case: UseCase,
        folder: Path,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._case = case
        self._folder = folder
        self._settings = settings
        self._clock = clock

    def has_run(self) -> bool:
        """Whether a sink of this name has begun to deliver the use case."""
        state = self._there()
        if state is not None:
            state.close()
        return state is not None

    def status(self) -> dict[str, Any]:
        """What `livegold status` shows, as JSON types; its `state` is "new" before the first run.

        `place` and the values of `details` are human-readable; everything else is a named field.
        """
        state = self._there()
        if state is None:
            return {"sink": self.name, "state": NEW, "mode": self.mode, "exact_by": self.exact_by or None}
        with state:
            return {**self._common(state), **self._more(state)}

    def last_batch(self) -> int | None:
        """Number of the newest batch written to the sink, None for none."""
        state = self._there()
        if state is None:
            return None
        with state:
            return state.last_batch if state.last_batch >= 0 else None

    def batch_map(self, query_id: str, gold_batch: int) -> tuple[int, int] | None:
        """The (delivered batch number, tick of Totals) that a batch of gold went into; None if not yet delivered."""
        state = self._there()
        if state is None:
            return None
        with state:
            return state.batch_map(query_id, gold_batch)

    def accepted_of(self, batch: int) -> Accepted:
        """What the destination has accepted of a delivered batch."""
        state = self._there()
        if state is None:
            return Accepted(0, 0, None)
        with state:
            return Accepted(*state.accepted_of(batch))

    def accepted_sum(self, aggregate: str) -> int:
        """An additive aggregate (a count) over all accepted rows of Pulse."""
        state = self._there()
        if state is None:
            return 0
        with state:
            return sum(int(json.loads(sums).get(aggregate, 0)) for sums in state.sums(PULSE))

    def delivered(self) -> Delivered:
        """Everything in the ledger, for comparison with gold. Raises WrongUse if the sink has not run."""
        with closing(SinkState(self._folder, self.name, read_only=True)) as state:
            ledger = {table: DeliveredTable(rows, chunks) for table, rows, chunks, _ in state.delivered()}
            none = {table: DeliveredTable(0, 0) for table in (PULSE, TOTALS) if table not in ledger}
            return Delivered(ledger | none, self._sums(state), state.waiting()[0])

    # For subclasses.

    def _more(self, state: SinkState) -> Mapping[str, Any]:
        """Additional status of this sink: `place`, `details` and its own fields."""
        return {}

    @property
    def _additive(self) -> Sequence[str]:
        return [a.name for a in self._case.aggregates if a.additive]

    def _there(self) -> SinkState | None:
        return SinkState.there(self._folder, self.name)

    def _sums(self, state: SinkState) -> dict[str, Any]:
        sums: dict[str, Any] = dict.fromkeys(self._additive, 0)
        for text in state.sums(PULSE):
            for name, value in json.loads(text).items():
                sums[name] = add(sums.get(name, 0), Decimal(value) if isinstance(value, str) else value)
        return sums

    def _common(self, state: SinkState) -> dict[str, Any]:
        counts = state.counts()
        tables = {t: {"rows": r, "chunks": c, "last_accepted_at": a} for t, r, c, a in state.delivered()}
        stopped = state.get(STOPPED)
        chunks, rows = state.waiting()
        return {
            "sink": self.name,
            "state": STATE_STOPPED if stopped else RUNNING,
            "stopped": stopped or None,
            "mode": self.mode,
            "exact_by": self.exact_by or None,
            "place": None,
            "details": {},
            "feed": state.get(FEED) or None,
            "last_batch": state.last_batch,
            "tick": int(state.get(TICK, "0")),
            "outbox_chunks": chunks,
            "outbox_rows": rows,
            "tables": tables,
            "rows_delivered": sum(t["rows"] for t in tables.values()),
            "rows_maybe_twice": state.rows_sent_again() if self.mode == AT_LEAST_ONCE else None,
            "spotlight_thinned": counts.get(THINNED, 0),
            "strings_cut": counts.get(CUT, 0),
            "values_nulled": counts.get(NULLED, 0),
            "throttled": int(state.get("throttled", "0")),
            "failures": int(state.get("failures", "0")),
            "last_error": state.get("last_error") or None,
            "last_error_at": float(state.get("last_error_at", "0")) or None,
            "last_accepted_at": float(state.get("last_accepted_at", "0")) or None,
        }


def inspected_settings(settings: Settings | None, name: str) -> Settings:
    """The settings an inspector was created with. Raises WrongUse if it was created without."""
    if settings is None:
        raise WrongUse(f"the {name} sink was inspected without settings: ask the registry for its inspector")
    return settings
