"""What was delivered, for `livegold reconcile`: by the ledger, and counted again by the service through queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from livegold.reporting.errors import NotFound, Refused, SettingsError, Unauthorized
from livegold.reporting.measures import add
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.limits import MAX_ROWS_BASIC_FIFO
from livegold.reporting.powerbi.place import powerbi_settings
from livegold.reporting.powerbi.queries import AtLeast, Row, count_and_sums, execute_query
from livegold.reporting.schema import COMPLETE_TICK, PULSE, TICK, TOTALS
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.destination import DATASET_ID
from livegold.reporting.sinks.powerbi import state_dir
from livegold.reporting.sinks.state import Journal
from livegold.reporting.specification import UseCase


@dataclass(frozen=True)
class DeliveredTable:
    """`rows` and `posts` by the ledger; `held` is what the service counts now, None where it was not asked."""

    rows: int
    posts: int
    held: int | None


@dataclass(frozen=True)
class Delivered:
    """`sums` are those of the additive aggregates over every row of Pulse in the ledger.

    `totals` are the same over the newest tick of Totals, and `pulse` over Pulse while it holds every row that was sent,
    both as the service itself adds them up. None where it could not be asked: `unasked` says why.
    """

    dataset: str
    tables: Mapping[str, DeliveredTable]
    sums: Mapping[str, Any]
    totals: Mapping[str, Any] | None
    pulse: Mapping[str, Any] | None
    waiting: int
    unasked: str = ""


def delivered(settings: Settings, case: UseCase) -> Delivered:
    """What the powerbi sink of a use case delivered. WrongUse when it has not run; Transient when nobody answers."""
    journal = Journal(state_dir(settings.home, case.name), read_only=True)
    try:
        dataset, tick = journal.get(DATASET_ID), int(journal.get(TICK, "0"))
        ledger = {table: (rows, posts) for table, rows, posts, _ in journal.delivered()}
        additive = [a.name for a in case.aggregates if a.additive]
        sums: dict[str, Any] = dict.fromkeys(additive, 0)
        for text in journal.sums(PULSE):
            for name, value in json.loads(text).items():
                sums[name] = add(sums.get(name, 0), Decimal(value) if isinstance(value, str) else value)
        held: dict[str, int] = {}
        totals = pulse = None
        unasked = ""
        try:
            with _Asked(powerbi_settings(settings), dataset) as asked:
                held = {table: asked.rows(table) for table in (*ledger, PULSE, TOTALS)}
                totals = asked.totals(additive, tick)
                if ledger.get(PULSE, (0, 0))[0] <= MAX_ROWS_BASIC_FIFO:
                    pulse = asked.sums(PULSE, additive)
        except (SettingsError, Refused, Unauthorized, NotFound) as error:
            # Tenants may forbid queries: the ledger is then all there is.
            unasked = str(error)
        names = [*ledger, *(t for t in (PULSE, TOTALS) if t not in ledger)]
        tables = {name: DeliveredTable(*ledger.get(name, (0, 0)), held.get(name)) for name in names}
        return Delivered(dataset, tables, sums, totals, pulse, journal.waiting(), unasked)
    finally:
        journal.close()


class _Asked:
    """A dataset, asked by executeQueries: no call reads its rows."""

    def __init__(self, settings: Settings, dataset: str) -> None:
        if not dataset:
            raise NotFound("the powerbi sink has no dataset yet")
        self._client = PowerBIClient.from_settings(settings)
        self._dataset = dataset

    def __enter__(self) -> _Asked:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._client.close()

    def rows(self, table: str) -> int:
        return int(self._one(count_and_sums(table, {}))["n"] or 0)

    def sums(self, table: str, columns: Sequence[str]) -> dict[str, Any]:
        row = self._one(count_and_sums(table, {c: c for c in columns}, count="rows counted"))
        return {c: row.get(c) or 0 for c in columns}

    def totals(self, columns: Sequence[str], tick: int) -> dict[str, Any]:
        """Sums over the newest tick, as the measures read it; all 0 while it is not complete."""
        wanted = {c: c for c in (*columns, COMPLETE_TICK)}
        row = self._one(count_and_sums(TOTALS, wanted, at_least=AtLeast(TICK, tick), count="rows counted"))
        whole = row.get(COMPLETE_TICK) == tick
        return {c: (row.get(c) or 0) if whole else 0 for c in columns}

    def _one(self, query: str) -> Row:
        rows = execute_query(self._client, self._dataset, query)
        return rows[0] if rows else {}
