"""Reads back what a running local service stored, through `/_local`: definition, counts, rows. Asks no sink."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from livegold.reporting.powerbi import Session

PAGE_ROWS = 50_000


class StoredRows:
    """One dataset; `api` is the service's root. Read on demand; raises what `requests` raises."""

    def __init__(self, api: str, dataset: str, session: Session) -> None:
        self._root = f"{api.rstrip('/')}/_local/datasets/{dataset}"
        self._session = session

    def definition(self) -> dict[str, Any]:
        """The dataset as created, with row counts."""
        return self._get(self._root)

    def counts(self, table: str) -> tuple[int, int]:
        """(rows ever stored, rows held now)."""
        found = self._get(f"{self._rows(table)}?count=true")
        return int(found["stored"]), int(found["held"])

    def rows(self, table: str, newest: int | None = None) -> list[dict[str, Any]]:
        """The rows held, or the `newest` of them, in order of arrival; numbers with a decimal point as Decimal."""
        stored, held = self.counts(table)
        after = stored - (held if newest is None else min(newest, held))
        rows: list[dict[str, Any]] = []
        while page := self._get(f"{self._rows(table)}?after={after}&limit={PAGE_ROWS}"):
            if not page["rows"]:
                return rows
            rows += page["rows"]
            after = page["last"]
        return rows

    def _rows(self, table: str) -> str:
        return f"{self._root}/tables/{quote(table, safe='')}/rows"

    def _get(self, url: str) -> dict[str, Any]:
        answer = self._session.get(url)
        answer.raise_for_status()
        found: dict[str, Any] = json.loads(answer.content, parse_float=Decimal)
        return found
