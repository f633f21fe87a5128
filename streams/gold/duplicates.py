"""Gold's recent keys, in memory, to tell duplicates from new events. Does not read gold.

An event is a duplicate of another if it has the same key and arrived at the hub within a set time of it. A key is
held as a 128-bit hash and its arrival: 24 bytes, so a million keys take 24 MB of the driver's memory. No watermark is
involved: a late event is not a duplicate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

KEY_COLUMNS = ("key_high", "key_low", "arrived")
"""The columns of a table of keys: two 64-bit hashes of the key, and the arrival in microseconds since 1970."""


@dataclass(frozen=True)
class _Segment:
    """Keys sorted by `high`."""

    high: np.ndarray
    low: np.ndarray
    arrived: np.ndarray

    def __len__(self) -> int:
        return len(self.high)

    def matching(self, high: np.ndarray, low: np.ndarray, arrived: np.ndarray, within: int) -> np.ndarray:
        """Which of the given keys this segment contains with an arrival at most `within` microseconds away."""
        found = np.zeros(len(high), dtype=bool)
        left = np.searchsorted(self.high, high, side="left")
        right = np.searchsorted(self.high, high, side="right")
        # Nearly every key has no match or one; the loop visits only hashes whose first halves are equal.
        for i in np.flatnonzero(right > left):
            here = slice(left[i], right[i])
            near = np.abs(self.arrived[here] - arrived[i]) <= within
            found[i] = bool(np.any((self.low[here] == low[i]) & near))
        return found


class RecentKeys:
    """Keys of accepted events; `within_seconds` is how far apart in arrival two events still count as duplicates."""

    def __init__(self, within_seconds: float) -> None:
        self._within = int(within_seconds * 1_000_000)
        self._segments: list[_Segment] = []

    def __len__(self) -> int:
        return sum(len(s) for s in self._segments)

    def add(self, keys: pa.Table) -> None:
        """Adds keys (KEY_COLUMNS) and drops those too old to matter."""
        if keys.num_rows == 0:
            return
        high, low, arrived = (keys.column(name).to_numpy() for name in KEY_COLUMNS)
        self._append(high, low, arrived)

    def duplicates(self, keys: pa.Table) -> np.ndarray:
        """Which rows of a batch are duplicates; the keys of the others are added.

        `keys` has KEY_COLUMNS, `partition` and `offset`; of equal keys within the batch, the first by partition and
        offset is kept as the event. Returns a boolean array with one value for each row.
        """
        high, low, arrived = (keys.column(name).to_numpy() for name in KEY_COLUMNS)
        duplicate = np.zeros(keys.num_rows, dtype=bool)
        for segment in self._segments:
            duplicate |= segment.matching(high, low, arrived, self._within)
        order = np.lexsort((keys.column("offset").to_numpy(), keys.column("partition").to_numpy(), low, high))
        same = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        kept = -1
        for i in np.flatnonzero(same):
            first, this = order[i], order[i + 1]
            if i == 0 or not same[i - 1]:
                kept = -1 if duplicate[first] else first
            if duplicate[this]:
                continue
            if kept >= 0 and abs(arrived[this] - arrived[kept]) <= self._within:
                duplicate[this] = True
            else:
                kept = this
        new = ~duplicate
        if new.any():
            self._append(high[new], low[new], arrived[new])
        return duplicate

    def _append(self, high: np.ndarray, low: np.ndarray, arrived: np.ndarray) -> None:
        order = np.argsort(high, kind="stable")
        new = _Segment(high[order], low[order], arrived[order])
        newest = int(arrived.max())
        # Twice the time, so that an event delayed in another partition is still compared with the first one.
        self._segments = [s for s in self._segments if int(s.arrived.max()) >= newest - 2 * self._within]
        while self._segments and len(self._segments[-1]) <= 2 * len(new):
            new = _merged(self._segments.pop(), new)
        self._segments.append(new)


def _merged(a: _Segment, b: _Segment) -> _Segment:
    high = np.concatenate((a.high, b.high))
    order = np.argsort(high, kind="stable")
    low = np.concatenate((a.low, b.low))[order]
    return _Segment(high[order], low, np.concatenate((a.arrived, b.arrived))[order])
