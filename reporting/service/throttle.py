"""The documented rate limits, enforced on POSTs of rows as by the service: per sliding hour and per sliding minute.

Kept in the store's file and measured by the injected clock, so that they survive a restart and work in simulated time.
Assumption: only accepted POSTs count.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from livegold.reporting.powerbi.limits import (
    HOUR_SECONDS,
    LARGE_TABLE_ROWS,
    MAX_PENDING_POSTS,
    MAX_POSTS_PER_HOUR_LARGE_TABLE,
    MAX_POSTS_PER_MINUTE,
    MAX_QUERIES_PER_MINUTE,
    MAX_ROWS_PER_HOUR,
    MAX_STREAMING_POSTS_PER_SECOND,
    MAX_STREAMING_REQUEST_BYTES,
    MINUTE_SECONDS,
)
from livegold.reporting.service.problems import too_large, too_many
from livegold.reporting.service.store import Store

SCHEMA = """
create table if not exists posts (dataset text not null, at real not null, rows integer not null);
create index if not exists posts_by_time on posts (dataset, at);
"""
PENDING_RETRY_SECONDS = 1.0  # assumption: too many concurrent POSTs are done within a second


class Throttle:
    """Admits or rejects (with a Problem of 429) a POST of rows to a dataset."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pending: Counter[str] = Counter()
        self._streamed: defaultdict[str, deque[float]] = defaultdict(deque)
        self._queried: defaultdict[str, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()
        store.own(SCHEMA, "posts")

    @contextmanager
    def pending(self, dataset: str) -> Iterator[None]:
        """Counts a POST as pending while it is being processed."""
        with self._lock:
            if self._pending[dataset] >= MAX_PENDING_POSTS:
                raise too_many(f"{MAX_PENDING_POSTS} requests are pending on this dataset", PENDING_RETRY_SECONDS)
            self._pending[dataset] += 1
        try:
            yield
        finally:
            with self._lock:
                self._pending[dataset] -= 1

    def admit(self, db: sqlite3.Connection, dataset: str, rows: int) -> None:
        """Counts a POST of `rows` rows; raises 429 with the seconds until it would be admitted."""
        now = self._clock()
        db.execute("delete from posts where dataset = ? and at <= ?", (dataset, now - HOUR_SECONDS))
        self._posts(db, dataset, now)
        (sent,) = db.execute("select coalesce(sum(rows), 0) from posts where dataset = ?", (dataset,)).fetchone()
        if sent + rows > MAX_ROWS_PER_HOUR:
            wait = self._until_room(db, dataset, now, sent + rows - MAX_ROWS_PER_HOUR)
            raise too_many("You are over your rows per hour limit", wait)
        db.execute("insert into posts values (?, ?, ?)", (dataset, now, rows))

    def admit_stream(self, dataset: str, size: int) -> None:
        """Counts a request of `size` bytes to a streaming dataset; raises a Problem of 413 or 429."""
        if size > MAX_STREAMING_REQUEST_BYTES:
            raise too_large(
                f"The request has over {MAX_STREAMING_REQUEST_BYTES} bytes, the limit of a streaming dataset"
            )
        now = self._clock()
        with self._lock:
            recent = self._streamed[dataset]
            while recent and recent[0] <= now - 1.0:
                recent.popleft()
            if len(recent) >= MAX_STREAMING_POSTS_PER_SECOND:
                message = f"You are over your limit of {MAX_STREAMING_POSTS_PER_SECOND} requests per second"
                raise too_many(message, recent[0] + 1.0 - now)
            recent.append(now)

    def admit_query(self, user: str) -> None:
        """Counts a user's query; raises a Problem of 429."""
        now = self._clock()
        with self._lock:
            recent = self._queried[user]
            while recent and recent[0] <= now - MINUTE_SECONDS:
                recent.popleft()
            if len(recent) >= MAX_QUERIES_PER_MINUTE:
                message = f"You are over your limit of {MAX_QUERIES_PER_MINUTE} queries per minute"
                raise too_many(message, recent[0] + MINUTE_SECONDS - now)
            recent.append(now)

    def _posts(self, db: sqlite3.Connection, dataset: str, now: float) -> None:
        (largest,) = db.execute("select max(held) from tables where dataset = ?", (dataset,)).fetchone()
        large = (largest or 0) >= LARGE_TABLE_ROWS
        limit = MAX_POSTS_PER_HOUR_LARGE_TABLE if large else MAX_POSTS_PER_MINUTE
        span, word = (HOUR_SECONDS, "hour") if large else (MINUTE_SECONDS, "minute")
        recent = db.execute(
            "select at from posts where dataset = ? and at > ? order by at desc limit ?", (dataset, now - span, limit)
        ).fetchall()
        if len(recent) >= limit:
            raise too_many(f"You are over your limit of {limit} requests per {word}", recent[-1][0] + span - now)

    def _until_room(self, db: sqlite3.Connection, dataset: str, now: float, needed: int) -> float:
        freed = 0
        for at, rows in db.execute("select at, rows from posts where dataset = ? order by at", (dataset,)):
            freed += rows
            if freed >= needed:
                return float(at) + HOUR_SECONDS - now
        return HOUR_SECONDS
