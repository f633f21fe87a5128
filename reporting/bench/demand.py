"""The load in the simulated hours: rate, late events, bursts, floods, silence. Makes no rows.

All spells are shares of the total time, bounded in length, so that two hours include the same spells as two days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from livegold.reporting.errors import WrongUse

HOUR = 3_600.0
# How late an event may arrive.
LATEST_SECONDS = 2 * HOUR
MIN_HOURS = 0.5


@dataclass(frozen=True)
class Spell:
    """A period, in seconds since the start, with a different load. A `rate` of 0 is silence."""

    name: str
    first: float
    last: float
    rate: float
    batch_seconds: float
    late_share: float
    spotlight: int

    def __contains__(self, second: float) -> bool:
        return self.first <= second < self.last


@dataclass(frozen=True)
class Demand:
    """`rate` is events per second, `late_share` the share up to two hours late, `spotlight` the rows per batch.

    Raises WrongUse for values that make no sensible simulation.
    """

    hours: float = 48.0
    rate: float = 5_000.0
    batch_seconds: float = 30.0
    late_share: float = 0.001
    spotlight: int = 20
    most_spotlight: int = 50
    seed: int = 2026

    def __post_init__(self) -> None:
        if self.hours < MIN_HOURS:
            raise WrongUse(f"{self.hours} simulated hours are too few to reach any limit: give {MIN_HOURS} or more")
        if not 1 <= self.batch_seconds <= 60:
            raise WrongUse(f"batches of {self.batch_seconds} seconds: give 1 to 60")
        if self.rate * self.batch_seconds < 1:
            raise WrongUse(f"{self.rate} events a second leave batches empty: give 1 or more")
        if not 0 <= self.late_share < 1:
            raise WrongUse(f"a share of {self.late_share} late events: give 0 or more and less than 1")

    @property
    def seconds(self) -> float:
        return self.hours * HOUR

    @cached_property
    def usual(self) -> Spell:
        """The load when there is no special spell."""
        return Spell(
            "usual",
            0.0,
            self.seconds,
            self.rate,
            self.batch_seconds,
            self.late_share,
            min(self.spotlight, self.most_spotlight),
        )

    @cached_property
    def spells(self) -> tuple[Spell, ...]:
        """A silence, a burst of ten times the events with a batch every second, and a flood of late events."""

        usual = self.usual
        return (
            replace(self._spell("silence", 0.30, 1 / 16, 3 * HOUR), rate=0.0),
            # A batch per second: more POSTs per minute and more spotlight rows than the budget allows.
            replace(
                self._spell("burst", 0.55, 1 / 12, HOUR / 3),
                rate=10 * usual.rate,
                batch_seconds=1.0,
                spotlight=self.most_spotlight,
            ),
            # A region's hub is back: what it held up arrives all at once, with rows in every bucket of two hours.
            replace(self._spell("flood", 0.80, 1 / 12, HOUR / 2), late_share=0.3),
        )

    def _spell(self, name: str, start: float, share: float, longest: float) -> Spell:
        first = self.seconds * start
        return replace(self.usual, name=name, first=first, last=first + min(longest, self.seconds * share))

    def at(self, second: float) -> Spell:
        """The spell at a second since the start."""
        return next((s for s in self.spells if second in s), self.usual)
