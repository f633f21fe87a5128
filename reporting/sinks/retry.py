"""Retries of a sink: drains the outbox chunk by chunk with exponential backoff. Does not itself send or wait."""

from __future__ import annotations

import random
from collections.abc import Callable

from livegold.reporting.errors import Transient
from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.state import SinkState

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0


def backoff(attempt: int, rng: random.Random) -> float:
    """Seconds to wait after the failed attempt of this number (from 1): exponential, with jitter."""
    longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(attempt, 20))
    return longest * rng.uniform(0.5, 1.0)


def until_done(call: Callable[[], None], wait_after: Callable[[Transient, int], None]) -> None:
    """Calls until it succeeds; `wait_after(error, attempt)` waits, or raises to give up."""
    attempt = 0
    while True:
        try:
            return call()
        except Transient as error:
            attempt += 1
            wait_after(error, attempt)


def drain(state: SinkState, deliver: Callable[[Chunk], None], wait_after: Callable[[Transient, int], None]) -> None:
    """Delivers the waiting chunks in order; `deliver` removes a chunk from the outbox or raises."""
    attempt = 0
    while (chunk := state.next_chunk()) is not None:
        try:
            deliver(chunk)
            attempt = 0
        except Transient as error:
            attempt += 1
            wait_after(error, attempt)
