"""How soon the page shows stored rows: a real local service, the preview as a process, headless Chromium.

Each round stores a tick of Totals and some rows of Pulse, as the sink does, without waiting; the page itself records
when its tile changed. A delay is from the service's response to the changed tile, by the same clock.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from livegold.dashboards.preview import template_of
from livegold.dashboards.screenshots import Browser, serving
from livegold.reporting.errors import CheckFailed, WrongUse
from livegold.reporting.measures import AllTime, Count
from livegold.reporting.powerbi import fact_columns, push_dataset
from livegold.reporting.powerbi.limits import MAX_ROWS_BASIC_FIFO, MAX_ROWS_PER_POST
from livegold.reporting.schema import COMPLETE_TICK, LEFT_OUT, PULSE, TICK, TOTALS
from livegold.reporting.semantic import slicing_tables
from livegold.reporting.service.local_client import client_of
from livegold.reporting.service.server import LocalService
from livegold.reporting.settings import load
from livegold.reporting.specification import UseCase

ROUND_SECONDS = 1.1
"""Two POSTs per round: a dataset accepts 120 per minute."""
TOTALS_ROWS, PULSE_ROWS = 30, 25
"""Rows per round: 50 per second."""
LAST_SECONDS = 10.0
MINUTES_STORED = 120


@dataclass(frozen=True)
class Delays:
    """Milliseconds from stored row to changed tile; `missed` rounds were never shown."""

    stored: int
    rounds: int
    missed: int
    median: float
    p95: float
    longest: float
    rows_a_second: float


def bench_preview(case: UseCase, stored: int, rounds: int, say: Callable[[str], None]) -> list[Delays]:
    """Delays with almost nothing stored, then with `stored` rows each of Pulse and Totals.

    Raises WrongUse for more rows than a dataset holds, and for a use case without a tile of an all-time event count.
    """
    if not 0 <= stored <= MAX_ROWS_BASIC_FIFO:
        raise WrongUse(f"stored is {stored}: give 0 to {MAX_ROWS_BASIC_FIFO:,}, which is all that a dataset holds")
    tile = _tile(case)
    found = []
    for number in dict.fromkeys((0, stored)):
        with tempfile.TemporaryDirectory(prefix="livegold-bench-preview-") as home, LocalService(Path(home)) as service:
            say(f"{number:,} rows of Pulse and of Totals are stored")
            pushed = _Pushed(case, service)
            pushed.fill(number)
            settings = load(home=home)
            with serving(settings, case.name) as address, Browser() as browser:
                found.append(_measured(pushed, browser, address, tile, number, rounds))
                browser.check()
    return found


def _tile(case: UseCase) -> tuple[str, str]:
    """Name of a visual on the first page that shows an all-time event count, and its name for the measure."""
    counts = [m.name for m in case.measures if isinstance(m.expression, Count) and isinstance(m.scope, AllTime)]
    page = next(p for p in template_of(case, None).pages if p.kind == "page")
    for visual in page.visuals:
        for projection in visual.projections:
            if visual.kind == "cardVisual" and projection.field.property in counts:
                return visual.name, projection.shown
    raise WrongUse(f"use case {case.name}: its first page has no tile of the events so far: nothing to time")


class _Pushed:
    """The push dataset in a dedicated service, and rows for it with known event counts."""

    def __init__(self, case: UseCase, service: LocalService) -> None:
        self._case = case
        self._client = client_of(service)
        self._dataset = self._client.create_dataset(push_dataset(case), "basicFIFO").id
        values: dict[str, tuple[str, ...]] = {d.name: d.values or ("1", "2") for d in case.all_dimensions}
        self._groups = [dict(zip(values, group, strict=True)) for group in product(*values.values())]
        self._tick = 0
        self.events = 0
        for name, table in slicing_tables(case).items():
            kept = values.get(name, ())
            rows = [{"key": v, "label": v, "order": i} for i, v in enumerate(kept)]
            self._post(table, next((p.rows() for p in case.model.task.parameters if p.name == name), rows))

    def fill(self, number: int) -> None:
        """Stores this many rows of Pulse, spread over the last hours, and as many of Totals."""
        newest = self._bucket()
        span = MINUTES_STORED * 60 // self._case.bucket_seconds
        while number > 0:
            part = min(number, MAX_ROWS_PER_POST)
            self._post(PULSE, [self._pulse(i, newest - (number - i) % span) for i in range(part)])
            self.tick(part)
            number -= part

    def tick(self, number: int) -> float:
        """Stores a complete tick of Totals in one POST, with one event more than the last; returns the time."""
        self._tick += 1
        self.events += 1
        rows = [self._row(TOTALS, i, {TICK: self._tick, COMPLETE_TICK: 0, LEFT_OUT: 0}) for i in range(number)]
        rows[-1] |= {COMPLETE_TICK: self._tick, self._count: self.events}
        self._post(TOTALS, rows)
        return time.time()

    def pulse(self, number: int) -> None:
        newest = self._bucket()
        self._post(PULSE, [self._pulse(i, newest - i % 2) for i in range(number)])

    @property
    def _count(self) -> str:
        assert self._case.events_column is not None
        return self._case.events_column

    def _bucket(self) -> int:
        return int(time.time()) // self._case.bucket_seconds

    def _pulse(self, place: int, bucket_no: int) -> dict[str, Any]:
        begins = datetime.fromtimestamp(bucket_no * self._case.bucket_seconds, UTC)
        made = self._row(PULSE, place, {"bucket": begins.strftime("%Y-%m-%dT%H:%M:%SZ"), "bucket_no": bucket_no})
        return made | {a.name: 1 + place % 7 for a in self._case.aggregates}

    def _row(self, table: str, place: int, given: Mapping[str, Any]) -> dict[str, Any]:
        group = self._groups[place % len(self._groups)]
        return {c.name: group.get(c.name, 0) for c in fact_columns(self._case, table)} | dict(given)

    def _post(self, table: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._client.post_rows(self._dataset, table, rows)


# Records the time of every change of one visual's values.
_WATCH = """
window.benchSeen = [];
const visual = document.querySelector(`[data-visual="${arguments[0]}"]`);
const note = () => benchSeen.push([Date.now(), JSON.stringify(livegold.values(arguments[0]))]);
new MutationObserver(note).observe(visual, {subtree: true, attributes: true, childList: true, characterData: true});
"""


def _measured(
    pushed: _Pushed, browser: Browser, address: str, tile: tuple[str, str], stored: int, rounds: int
) -> Delays:
    visual, measure = tile
    pushed.tick(TOTALS_ROWS)
    pushed.pulse(PULSE_ROWS)
    browser.open(address)
    browser.wait("the first value", lambda: _shown(json.dumps(browser.values(visual)), measure) == pushed.events)
    browser.run(_WATCH, visual)
    sent: dict[int, float] = {}
    began = time.monotonic()
    for number in range(rounds):
        at = pushed.tick(TOTALS_ROWS)
        sent[pushed.events] = at
        pushed.pulse(PULSE_ROWS)
        time.sleep(max(0.0, began + (number + 1) * ROUND_SECONDS - time.monotonic()))
    took = time.monotonic() - began
    time.sleep(LAST_SECONDS)
    seen: dict[int, float] = {}
    for at, values in browser.run("return benchSeen"):
        shown = _shown(values, measure)
        if shown is not None:
            seen.setdefault(shown, at / 1000)
    delays = sorted((seen[n] - at) * 1000 for n, at in sent.items() if n in seen)
    if not delays:
        raise CheckFailed(f"bench preview: the tile {measure} never changed")
    return Delays(
        stored,
        rounds,
        rounds - len(delays),
        statistics.median(delays),
        delays[min(len(delays) - 1, int(len(delays) * 0.95))],
        delays[-1],
        rounds * (TOTALS_ROWS + PULSE_ROWS) / took,
    )


def _shown(values: str | None, measure: str) -> int | None:
    """The measure's value as shown by a visual."""
    found = json.loads(values) if values else None
    if not found or measure not in found["columns"] or not found["rows"]:
        return None
    value = found["rows"][0][found["columns"].index(measure)]
    return None if value is None else int(value)
