"""Keeps rows coming in a separate thread, and reports its state. The source of the rows is passed in."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Protocol

from livegold.dashboards.preview.service_rows import Source
from livegold.dashboards.preview.tables import Tables

QUIET_SECONDS = 15.0
"""If no rows arrive for this long, it is worth a message."""


class Rows(Protocol):
    """A source of rows: `run` puts them into tables until told to stop."""

    source: Source

    def run(self, stop: threading.Event, changed: Callable[[], None]) -> None: ...


class Feed:
    """The rows of one preview, for all of its tabs. They keep coming for the duration of a `with` block."""

    def __init__(self, tables: Tables, rows: Rows) -> None:
        self._tables = tables
        self._rows = rows
        self._stop = threading.Event()
        self._thread = threading.Thread(target=rows.run, args=(self._stop, self._tell), name="rows", daemon=True)
        self._listeners: dict[object, Callable[[], None]] = {}

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)

    def listen(self, who: object, call: Callable[[], None]) -> None:
        """Registers `call`, which is called in the thread of the rows after every change."""
        self._listeners[who] = call

    def leave(self, who: object) -> None:
        self._listeners.pop(who, None)

    def _tell(self) -> None:
        for call in list(self._listeners.values()):
            call()

    @property
    def version(self) -> tuple[int, str]:
        """Changes when the rows change, or when they stop or start coming."""
        return self._tables.version, self._rows.source.problem

    @property
    def source(self) -> Source:
        return self._rows.source

    def trouble(self, now: float) -> str:
        """Why the data shown may be stale, in one line; empty if it is not. `now` is seconds since the epoch."""
        source = self._rows.source
        since = "" if source.rows_at is None else _clock(source.rows_at)
        if source.problem:
            return f"{source.problem}; shown is what came until {since} UTC" if since else source.problem
        if source.rows_at is None:
            return f"{source.name} is there: waiting for its first rows"
        if now - source.rows_at > QUIET_SECONDS:
            return f"no rows since {since} UTC"
        return ""

    def summary(self) -> str:
        """Where rows come from and how many there are."""
        source = self._rows.source
        return f"live preview · {source.name} · {source.rows:,} rows held"


def _clock(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%H:%M:%S}"
