"""Simulated time: stands still while the program works and advances when it waits. Not for measuring anything."""

from __future__ import annotations


class SimulatedClock:
    """Seconds since the epoch. One thread advances it, any may read it."""

    def __init__(self, start: float) -> None:
        self._now = start

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        self._now += max(0.0, seconds)

    def wait_until(self, then: float) -> None:
        """Lets time pass up to `then`, which may already be in the past."""
        self._now = max(self._now, then)
