"""How much of Power BI's limits is used, and when the next POST may be sent. Does not wait or send anything itself.

Two sliding windows over the POSTs in the sink's state: rows in any hour, POSTs in any minute, for the whole dataset.
Kept across restarts. POSTs count from when they are started, whatever their outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from livegold.reporting.powerbi.limits import (
    HOUR_SECONDS,
    MAX_POSTS_PER_MINUTE,
    MAX_ROWS_PER_HOUR,
    MINUTE_SECONDS,
)
from livegold.reporting.sinks.state import SinkState

# The service counts a request when it arrives, slightly after it was started here: windows are this much longer.
MARGIN_SECONDS = 2.0
# A quarter of each limit may be used in one burst, the rest evenly: a burst plus a whole window at that pace is exactly
# the limit, so sustained demand is slowed down slightly all the time instead of stalling until a window has moved on.
BURST_SHARE = 0.25
# A wait shorter than the resolution of a clock of seconds since 1970 would never end; the margin covers it.
SHORTEST_WAIT_SECONDS = 0.001
# Spotlight is dropped first: it gets rows only up to this share of the hour's limit, leaving the rest to pulse and
# totals, and never more than may be sent at once with this share of a burst to spare. Any wait for spotlight rows would
# delay the next batch too.
SPOTLIGHT_UP_TO = 0.9
SPOTLIGHT_LEAVES = 0.5


@dataclass(frozen=True)
class Used:
    """Rows in the last hour and POSTs in the last minute."""

    rows: int
    posts: int


class _Bucket:
    """A token bucket: holds what may be sent at once and refills evenly over the window of its limit."""

    def __init__(self, limit: int, window: float) -> None:
        self._capacity = limit * BURST_SHARE
        self._rate = limit * (1 - BURST_SHARE) / window
        self._level = self._capacity
        self._at = 0.0

    def take(self, amount: int, at: float) -> None:
        self._level = self.level(at) - amount
        self._at = max(self._at, at)

    def wait(self, amount: int, now: float) -> float:
        """Seconds until `amount` may be sent."""
        return (min(amount, self._capacity) - self.level(now)) / self._rate

    def level(self, now: float) -> float:
        return min(self._capacity, self._level + max(0.0, now - self._at) * self._rate)


class Budget:
    """The budget of one dataset. `clock` gives seconds since the epoch."""

    def __init__(self, state: SinkState, clock: Callable[[], float]) -> None:
        self._state = state
        self._clock = clock
        self._rows = _Bucket(MAX_ROWS_PER_HOUR, HOUR_SECONDS)
        self._posts = _Bucket(MAX_POSTS_PER_MINUTE, MINUTE_SECONDS)
        self._seen = 0

    def used(self) -> Used:
        now = self._clock()
        with self._state.reading() as db:
            (rows,) = db.execute(
                "select coalesce(sum(rows), 0) from posts where at > ?", (now - HOUR_SECONDS - MARGIN_SECONDS,)
            ).fetchone()
            (posts,) = db.execute(
                "select count(*) from posts where at > ?", (now - MINUTE_SECONDS - MARGIN_SECONDS,)
            ).fetchone()
        return Used(rows, posts)

    def wait(self, rows: int) -> float:
        """Seconds until a POST of `rows` rows may be sent; 0 for immediately."""
        used, now = self.used(), self._clock()
        waits = [0.0]
        if used.rows + rows > MAX_ROWS_PER_HOUR:
            waits.append(self._until_rows_left(used.rows + rows - MAX_ROWS_PER_HOUR, now))
        if used.posts + 1 > MAX_POSTS_PER_MINUTE:
            waits.append(self._until_posts_left(now))
        self._take_what_went()
        waits += [self._rows.wait(rows, now), self._posts.wait(1, now)]
        longest = max(waits)
        return longest if longest >= SHORTEST_WAIT_SECONDS else 0.0

    def spotlight_room(self, planned: int) -> int:
        """How many rows of spotlight a batch may have in addition to `planned` other rows."""
        used = self.used()
        if used.posts >= SPOTLIGHT_UP_TO * MAX_POSTS_PER_MINUTE:
            return 0
        self._take_what_went()
        at_once = self._rows.level(self._clock()) - SPOTLIGHT_LEAVES * BURST_SHARE * MAX_ROWS_PER_HOUR
        return max(0, int(min(SPOTLIGHT_UP_TO * MAX_ROWS_PER_HOUR - used.rows, at_once)) - planned)

    def _take_what_went(self) -> None:
        with self._state.reading() as db:
            went = db.execute(
                "select rowid, at, rows from posts where rowid > ? order by rowid", (self._seen,)
            ).fetchall()
        for self._seen, at, rows in went:
            self._rows.take(rows, at)
            self._posts.take(1, at)

    def _until_rows_left(self, needed: int, now: float) -> float:
        freed = 0
        with self._state.reading() as db:
            window = db.execute(
                "select at, rows from posts where at > ? order by at", (now - HOUR_SECONDS - MARGIN_SECONDS,)
            )
            for at, rows in window:
                freed += rows
                if freed >= needed:
                    return float(at) + HOUR_SECONDS + MARGIN_SECONDS - now
        return HOUR_SECONDS

    def _until_posts_left(self, now: float) -> float:
        with self._state.reading() as db:
            row = db.execute(
                "select at from posts order by at desc limit 1 offset ?", (MAX_POSTS_PER_MINUTE - 1,)
            ).fetchone()
        return 0.0 if row is None else float(row[0]) + MINUTE_SECONDS + MARGIN_SECONDS - now
