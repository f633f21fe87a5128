"""Follows gold's Delta tables: Pulse, Spotlight and the dimensions, without Spark. Reads only new files.

If a file of a table is gone (it was rebuilt, compacted or vacuumed), the whole table is read again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from livegold.dashboards.preview.service_rows import Source
from livegold.dashboards.preview.tables import Tables
from livegold.reporting.errors import LivegoldError, NotFound
from livegold.reporting.lake import Lake, arrow_dataset, open_table
from livegold.reporting.schema import PULSE, SPOTLIGHT, UNKNOWN
from livegold.reporting.settings import Settings

LOOK_SECONDS = 0.25
TROUBLE_SECONDS = 1.0


class GoldRows:
    """Keeps `tables` (created with `over_gold`) in sync with gold. `clock` returns seconds since the epoch."""

    def __init__(self, tables: Tables, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._tables = tables
        case = tables.case
        lake = Lake.of(settings, case.name)
        self._paths = {PULSE: lake.pulse, SPOTLIGHT: lake.spotlight}
        self._paths |= {d.table: lake.dimension(d.name) for d in case.all_dimensions}
        self._dimensions = [d.name for d in case.all_dimensions]
        self._clock = clock
        self._opened: dict[str, Any] = {}
        self._versions: dict[str, int] = {}
        self._files: dict[str, frozenset[str]] = {}
        self._rows: dict[str, int] = {}
        self.source = Source(f"gold of {case.name}")

    def step(self) -> bool:
        """Polls once; returns whether rows changed. Errors go to `source.problem`, and the next step retries."""
        try:
            changed = self._follow()
        except NotFound:
            self.source = replace(self.source, problem="gold has no rows yet: it comes with `livegold run`")
            return False
        except (LivegoldError, OSError, pa.ArrowException) as error:
            self._opened.clear()
            self.source = replace(self.source, problem=f"gold cannot be read: {' '.join(str(error).split())[:160]}")
            return False
        if changed:
            rows = sum(self._rows.values())
            self.source = replace(self.source, problem="", rows_at=self._clock(), rows=rows)
        elif self.source.problem:
            self.source = replace(self.source, problem="")
        return changed

    def run(self, stop: threading.Event, changed: Callable[[], None]) -> None:
        """Polls until told to stop; `changed` is called when rows or the source's state changed."""
        while not stop.is_set():
            before = self.source.problem
            if self.step() or before != self.source.problem:
                changed()
            stop.wait(TROUBLE_SECONDS if self.source.problem else LOOK_SECONDS)

    def _follow(self) -> bool:
        fresh = {name: read for name in self._paths if (read := self._newer(name)) is not None}
        if not fresh:
            return False
        with self._tables.lock:
            for name, (files, dataset) in fresh.items():
                known = self._files.get(name, frozenset())
                if not known <= files:
                    self._tables.empty(name)
                    self._rows[name] = 0
                    known = frozenset()
                for rows in _read(dataset, files - known):
                    table = self._fitted(name, rows)
                    self._tables.add(name, table, self._rows.get(name, 0) + 1)
                    self._rows[name] = self._rows.get(name, 0) + table.num_rows
                self._files[name] = files
            return self._tables.commit()

    def _newer(self, name: str) -> tuple[frozenset[str], Any] | None:
        """The files and rows of a table if its version differs from the one last read."""
        if name not in self._opened:
            self._opened[name] = open_table(self._paths[name])
        table = self._opened[name]
        table.update_incremental()
        if self._versions.get(name) == table.version():
            return None
        self._versions[name] = table.version()
        dataset = arrow_dataset(table)
        return frozenset(f.path for f in dataset.get_fragments()), dataset

    def _fitted(self, name: str, rows: pa.Table) -> pa.Table:
        """Rows with the columns and types of `Tables`; in rows older than a dimension its value is unknown."""
        made = {}
        for wanted in self._tables.schema(name):
            column = (
                rows.column(wanted.name) if wanted.name in rows.column_names else pa.nulls(rows.num_rows, wanted.type)
            )
            if wanted.name in self._dimensions and name in (PULSE, SPOTLIGHT):
                column = pc.fill_null(column.cast(pa.string()), UNKNOWN)
            made[wanted.name] = column.cast(wanted.type, safe=False) if column.type != wanted.type else column
        return pa.table(made)


def _read(dataset: Any, files: Iterable[str]) -> Iterable[pa.Table]:
    wanted = set(files)
    for fragment in dataset.get_fragments():
        if fragment.path in wanted:
            yield fragment.to_table(schema=dataset.schema)
