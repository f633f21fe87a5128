"""What was delivered, for `livegold reconcile`: from the ledger, and recounted where the service can be asked.

Only the local service lets rows be read back without a query; a real tenant's rows are not looked at here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from reporting.errors import NotFound, ServiceUnavailable
from reporting.measure_dax import COMPLETE_TICK, PULSE, TICK, TOTALS
from reporting.measures import add
from reporting.powerbi.http import LOOPBACK, Session
from reporting.settings import Settings
from reporting.sinks.journal import Journal
from reporting.sinks.powerbi import state_dir
from reporting.usecase import UseCase


@dataclass(frozen=True)
class DeliveredTable:
    """`rows` and `posts` by the ledger; `stored` rows ever and `held` rows now, by the local service, else None."""

    rows: int
    posts: int
    stored: int | None
    held: int | None


@dataclass(frozen=True)
class Delivered:
    """`sums` are those of the additive aggregates over every row of Pulse in the ledger. `totals` are the same over
    the newest complete tick as the local service holds it, None where it cannot be asked."""

    dataset: str
    tables: Mapping[str, DeliveredTable]
    sums: Mapping[str, Any]
    totals: Mapping[str, Any] | None
    waiting: int


def delivered(settings: Settings, case: UseCase, session: Session | None = None) -> Delivered:
    """What the powerbi sink of a use case delivered. WrongUse when it has not run yet."""
    journal = Journal(state_dir(settings.home, case.name), read_only=True)
    try:
        dataset = journal.get("dataset_id")
        local = LocalRows(settings["powerbi.api"], dataset, session or Session(settings["powerbi.ca"]))
        ledger = {table: (rows, posts) for table, rows, posts, _ in journal.delivered()}
        names = [*ledger, *(t for t in (PULSE, TOTALS) if t not in ledger)]
        counts = {t: local.counts(t) for t in names} if local.reachable and dataset else {}
        tables = {
            table: DeliveredTable(*ledger.get(table, (0, 0)), *counts.get(table, (None, None))) for table in names
        }
        additive = [a.name for a in case.aggregates if a.additive]
        sums: dict[str, Any] = dict.fromkeys(additive, 0)
        for text in journal.sums(PULSE):
            for name, value in json.loads(text).items():
                sums[name] = add(sums.get(name, 0), Decimal(value) if isinstance(value, str) else value)
        totals = local.totals(additive) if local.reachable and dataset else None
        return Delivered(dataset, tables, sums, totals, journal.waiting())
    finally:
        journal.close()


class LocalRows:
    """Rows as the local service stored them, read through its `/_local` address."""

    def __init__(self, api: str, dataset: str, session: Session) -> None:
        self._root = f"{api.rstrip('/')}/_local/datasets/{dataset}/tables"
        self._session = session
        self.reachable = (urlsplit(api).hostname or "") in LOOPBACK

    def counts(self, table: str) -> tuple[int, int]:
        """(rows ever accepted, rows held now)."""
        body = self._get(table, "?count=true")
        return int(body["stored"]), int(body["held"])

    def rows(self, table: str) -> list[dict[str, Any]]:
        """All rows held, in the order they came; numbers with a point as Decimal."""
        return list(self._get(table, "")["rows"])

    def totals(self, columns: list[str]) -> dict[str, Any]:
        """Sums over the newest complete tick of Totals, as the measures read it."""
        rows = self.rows(TOTALS)
        newest = max((r[COMPLETE_TICK] for r in rows), default=0)
        sums: dict[str, Any] = dict.fromkeys(columns, 0)
        for row in rows:
            if newest and row[TICK] == newest:
                for name in columns:
                    sums[name] = add(sums[name], row[name] or 0)
        return sums

    def _get(self, table: str, query: str) -> dict[str, Any]:
        try:
            answer = self._session.get(f"{self._root}/{quote(table, safe='')}/rows{query}")
        except requests.RequestException as error:
            raise ServiceUnavailable(
                f"counting rows of {table!r}: the local service does not answer ({type(error).__name__}): "
                "start it with `livegold powerbi`"
            ) from None
        if answer.status_code == 404:
            raise NotFound(f"counting rows of {table!r}: {answer.text[:200]}", status=404)
        answer.raise_for_status()
        found: dict[str, Any] = json.loads(answer.content, parse_float=Decimal)
        return found
