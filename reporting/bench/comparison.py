"""Compares every measure on the service's rows with gold, under many filters and groupings. Reads and sends nothing.

No window can show what basicFIFO has dropped: `whole_from` is the first bucket whose rows are all still held, and a
measure is compared only if its window begins there or later. All-time measures are always compared, from Totals.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from livegold.reporting.bench.dax import DaxAnswers
from livegold.reporting.bench.gold import Answer, Gold
from livegold.reporting.bench.stored import StoredAnswers
from livegold.reporting.measures import (
    DOUBLE_TOLERANCE,
    AllTime,
    Among,
    Between,
    ByBucket,
    Filter,
    Measure,
    TrailingWindow,
    compute,
)
from livegold.reporting.schema import BUCKET_NO
from livegold.reporting.specification import UseCase

# A time axis of three hours in minutes, and of half an hour per dimension value: more points add nothing new.
MAX_POINTS, MAX_POINTS_BY_VALUE = 180, 30


@dataclass
class Compared:
    """How many values were compared, how many had a window no longer held, and which differed."""

    values: int = 0
    not_held: int = 0
    differences: list[str] = field(default_factory=list)

    def add(self, other: Compared) -> None:
        self.values += other.values
        self.not_held += other.not_held
        self.differences += other.differences


def random_filters(case: UseCase, values: dict[str, list[str]], number: int, rng: random.Random) -> list[list[Among]]:
    """No filter, then `number` filters over one or two dimensions, each selecting some of the values that occur."""
    found: list[list[Among]] = [[]]
    names = [d.name for d in case.all_dimensions]
    for _ in range(number):
        chosen = rng.sample(names, rng.choice((1, 1, 2)))
        found.append([Among(n, tuple(rng.sample(values[n], rng.randint(1, len(values[n]))))) for n in chosen])
    return found


class Comparison:
    """Compares gold with the service's rows at one moment."""

    def __init__(self, case: UseCase, gold: Gold, stored: StoredAnswers, whole_from: int) -> None:
        self._case = case
        self._gold = gold
        self._stored = stored
        self._whole_from = whole_from
        assert gold.newest is not None
        self._newest = gold.newest
        self._so_far = [m for m in case.measures if isinstance(m.scope, AllTime)]
        self._in_time = [m for m in case.measures if not isinstance(m.scope, AllTime)]

    def compare(self, filters: Iterable[Sequence[Among]], rng: random.Random) -> Compared:
        """All measures under each filter: as cards, by a dimension, and on a time axis."""
        found = Compared()
        for where in filters:
            dimension = rng.choice(self._case.all_dimensions).name
            for by in ((), (dimension,)):
                found.add(self._compare_so_far(by, where))
                found.add(self._compare_cards(by, where))
            found.add(self._compare_axis((BUCKET_NO,), where))
            found.add(self._compare_axis((dimension, BUCKET_NO), where))
        return found

    def compare_dax(self, dax: DaxAnswers, filters: Iterable[Sequence[Among]]) -> Compared:
        """The dataset's own DAX under each filter: as cards, and at one point of a time axis."""
        found = Compared()
        for where in filters:
            names = [m.name for m in self._so_far]
            if names:
                gold = self._gold.ask(self._so_far, (), where)
                found.add(_compared(self._so_far, (), where, gold, dax.ask(names, where), roughly=True))
            for end in (self._newest, self._newest - 1):
                held = [m for m in self._in_time if self._is_held(m, end)]
                found.not_held += len(self._in_time) - len(held)
                if held:
                    within: list[Filter] = [*where, Between(end, end)]
                    gold, here = self._gold.ask(held, (), within), dax.ask([m.name for m in held], where, end)
                    found.add(_compared(held, (), within, gold, here, roughly=True))
        return found

    def _compare_so_far(self, by: Sequence[str], where: Sequence[Among]) -> Compared:
        if not self._so_far:
            return Compared()
        here = self._stored.so_far(self._so_far, by, where)
        return _compared(self._so_far, by, where, self._gold.ask(self._so_far, by, where), here)

    def _compare_cards(self, by: Sequence[str], where: Sequence[Among]) -> Compared:
        """At the newest bucket; a card over buckets covers those that are complete."""
        held = [m for m in self._in_time if self._is_held(m, self._newest)]
        found = Compared(not_held=len(self._in_time) - len(held))
        if held:
            within: list[Filter] = [*where, Between(self._whole_from, self._newest)]
            gold, here = self._gold.ask(held, by, within), self._stored.in_time(held, by, within)
            found.add(_compared(held, by, within, gold, here))
        return found

    def _compare_axis(self, by: Sequence[str], where: Sequence[Among]) -> Compared:
        """One point per complete bucket, with rolling windows."""
        if not self._in_time or self._whole_from > self._newest:
            return Compared(not_held=len(self._in_time))
        points = MAX_POINTS if len(by) == 1 else MAX_POINTS_BY_VALUE
        first = max(self._whole_from, self._newest - points + 1)
        within: list[Filter] = [*where, Between(first, self._newest)]
        gold, here = self._gold.ask(self._in_time, by, within), self._stored.in_time(self._in_time, by, within)
        found = Compared()
        for measure in self._in_time:
            held = [r for r in gold if self._is_held(measure, r[BUCKET_NO])]
            found.not_held += len(gold) - len(held)
            mine = [r for r in here if self._is_held(measure, r[BUCKET_NO])]
            found.add(_compared([measure], by, within, held, mine))
        return found

    def _is_held(self, measure: Measure, newest: int) -> bool:
        if isinstance(measure.scope, TrailingWindow):
            return newest - measure.scope.buckets(self._case.bucket_seconds) + 1 >= self._whole_from
        assert isinstance(measure.scope, ByBucket)
        return newest >= self._whole_from


def _compared(
    measures: Sequence[Measure],
    by: Sequence[str],
    where: Sequence[Filter],
    gold: Answer,
    here: Answer,
    *,
    roughly: bool = False,
) -> Compared:
    """Groups that only one side has must be empty: gold keeps every group, the service adds rows of zeros.

    `roughly` is for the DAX engine, which represents every number as a double.
    """
    found = Compared()
    wanted = {tuple(r[b] for b in by): r for r in gold}
    stored = {tuple(r[b] for b in by): r for r in here}
    nothing = {m.name: compute(m.expression, {a: a.of_nothing for a in m.aggregates}) for m in measures}
    for group in [*wanted, *(g for g in stored if g not in wanted)]:
        for measure in measures:
            expected = wanted.get(group, nothing)[measure.name]
            shown = stored.get(group, nothing)[measure.name]
            found.values += 1
            if not same(expected, shown, exact=not (roughly or measure.expression.is_double)):
                place = ", ".join(f"{b} {g}" for b, g in zip(by, group, strict=True)) or "in all"
                found.differences.append(f"{measure.name} ({place}; {_said(where)}): gold {expected}, service {shown}")
    return found


def same(expected: Any, shown: Any, *, exact: bool) -> bool:
    """Whether two values of a measure are equal: to the last digit if it is exact, otherwise within the tolerance."""
    if expected is None or shown is None:
        return expected is shown
    if exact and not isinstance(expected, float):
        return bool(expected == shown)
    return math.isclose(float(expected), float(shown), rel_tol=DOUBLE_TOLERANCE, abs_tol=DOUBLE_TOLERANCE)


def _said(where: Sequence[Filter]) -> str:
    return "; ".join(str(f) for f in where) or "no filter"
