"""What the powerbi sink has delivered: its status, and the service's own counts, obtained through queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from livegold.reporting.errors import NotFound, Refused, SettingsError, Unauthorized
from livegold.reporting.powerbi import AtLeast, PowerBIClient, Row, count_and_sums, execute_query, powerbi_settings
from livegold.reporting.powerbi.limits import HOUR_SECONDS, MAX_POSTS_PER_MINUTE, MAX_ROWS_BASIC_FIFO, MAX_ROWS_PER_HOUR
from livegold.reporting.schema import COMPLETE_TICK, PULSE, TICK, TOTALS
from livegold.reporting.settings import Settings
from livegold.reporting.sinks.inspector import ONCE, Delivered, DeliveredTable, Inspector, inspected_settings
from livegold.reporting.sinks.planner import PASSED_BY
from livegold.reporting.sinks.powerbi.budget import Budget
from livegold.reporting.sinks.powerbi.destination import DATASET_ID, DATASET_NAME, MODE
from livegold.reporting.sinks.state import SinkState


class PowerBIInspector(Inspector):
    """Adds the dataset and the budget to the status; `delivered` asks the service."""

    mode = ONCE

    def _more(self, state: SinkState) -> Mapping[str, Any]:
        used = Budget(state, self._clock).used()
        rate = state.rows_since(PULSE, self._clock() - HOUR_SECONDS)
        # How far back Pulse reaches when it is full, at the rate of the last hour; None if no rows arrived.
        hours = round(MAX_ROWS_BASIC_FIFO / rate, 2) if rate else None
        name = state.get(DATASET_NAME) or None
        details = {
            "limits": f"{used.rows:,} of {MAX_ROWS_PER_HOUR:,} rows in the last hour, "
            f"{used.posts} of {MAX_POSTS_PER_MINUTE} POSTs in the last minute"
        }
        if hours:
            details["retention"] = f"at the pace of the last hour Pulse reaches {hours:,.1f} h back when it is full"
        return {
            "place": f"dataset {name or 'none yet'}",
            "details": details,
            "mode": state.get(MODE, ONCE),
            "dataset": state.get(DATASET_ID) or None,
            "dataset_name": name,
            "rows_last_hour": used.rows,
            "rows_limit": MAX_ROWS_PER_HOUR,
            "posts_last_minute": used.posts,
            "posts_limit": MAX_POSTS_PER_MINUTE,
            "pulse_holds_hours": hours,
            "pulse_rows_beyond_retention": state.counts().get(PASSED_BY, 0),
        }

    def delivered(self) -> Delivered:
        """By the ledger and by the service. Raises WrongUse if the sink has not run, Transient if nobody answers."""
        found = super().delivered()
        with closing(SinkState(self._folder, self.name, read_only=True)) as state:
            dataset, tick = state.get(DATASET_ID), int(state.get(TICK, "0"))
        try:
            settings = powerbi_settings(inspected_settings(self._settings, self.name))
            with _Asked(settings, dataset) as asked:
                tables = {t: DeliveredTable(d.rows, d.chunks, asked.rows(t)) for t, d in found.tables.items()}
                totals = asked.totals(self._additive, tick)
                whole = found.tables[PULSE].rows <= MAX_ROWS_BASIC_FIFO
                pulse = asked.sums(PULSE, self._additive) if whole else None
        except (SettingsError, Refused, Unauthorized, NotFound) as error:
            # Tenants may forbid queries: then only the ledger is available.
            return replace(found, unasked=str(error))
        return replace(found, tables=tables, totals=totals, pulse=pulse)


class _Asked:
    """A dataset, queried with executeQueries because no call reads its rows."""

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
        """Sums over the newest tick, as the measures see it; all 0 while it is incomplete."""
        wanted = {c: c for c in (*columns, COMPLETE_TICK)}
        row = self._one(count_and_sums(TOTALS, wanted, at_least=AtLeast(TICK, tick), count="rows counted"))
        whole = row.get(COMPLETE_TICK) == tick
        return {c: (row.get(c) or 0) if whole else 0 for c in columns}

    def _one(self, query: str) -> Row:
        rows = execute_query(self._client, self._dataset, query)
        return rows[0] if rows else {}
