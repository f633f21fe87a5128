"""Measures of the semantic model derived from a use case's measures, as data: ratios, trends, states. No tables, files.

`dax` renders a measure and `value` defines it in plain Python; a test proves that both agree. `answer` computes that
value at a place. A task may add others (`TaskMeasure`), which are used in the same way.

| kind              | is                                                                             |
|-------------------|--------------------------------------------------------------------------------|
| `Ratio`           | one measure divided by another, which may cover other buckets                  |
| `CompleteBuckets` | a measure by bucket, blank for the newest bucket overall, which is still open  |
| `StateText`       | the state of a measure, as a shape and a word                                  |
| `StateColour`     | the same as a colour                                                           |
| `LastUpdate`      | start of the newest bucket overall                                             |
| `Freshness`       | whether that was long ago, as a shape and a word                               |

Blank propagates through all of them; text measures turn it into `NO_DATA`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from livegold.reporting.measures import Value
from livegold.reporting.palette import NO_COLOUR, SHAPES, STATE_COLOURS
from livegold.reporting.schema import BUCKET, BUCKET_NO, PULSE
from livegold.reporting.specification import State
from livegold.reporting.tasks import Surroundings, TaskMeasure

NO_DATA = "○ no data"


class Place(Surroundings, Protocol):
    """What these measures also need to know about where they are evaluated: a group of a visual, under filters."""

    def values(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Values of other measures at the same place."""
        ...

    def behind(self) -> int:
        """How many buckets the place's newest bucket lies before the newest bucket overall."""
        ...

    def newest(self) -> datetime | None:
        """Start of the newest bucket overall (UTC, naive)."""
        ...

    @property
    def now(self) -> datetime:
        """The current time (UTC, naive)."""
        ...


@dataclass(frozen=True)
class Ratio:
    """`of` / (`to` * `factor`): with TrailingWindow(3), TrailingWindow(15) and 0.2, how the last minutes compare with
    those before.

    It is capped at `most`, if given: while a window has only just begun to fill, a high ratio means nothing.
    """

    folder: ClassVar[str] = "Compared"

    name: str
    of: str
    to: str
    factor: float = 1.0
    format: str = "0.0%"
    description: str = ""
    most: float | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.of, self.to)

    def dax(self, push: bool) -> str:
        divided = f"DIVIDE(CONVERT(__of, DOUBLE), CONVERT(__to, DOUBLE) * {_number(self.factor)})"
        # In variables, because pbix-mcp 0.9.149 treats a comma in a measure's name as the end of an argument.
        named = f"VAR __of = [{self.of}]\nVAR __to = [{self.to}]\n"
        ratio = f"IF(ISBLANK(__of) || ISBLANK(__to), BLANK(), {divided})"
        if self.most is None:
            return f"{named}RETURN\n    {ratio}"
        most = _number(self.most)
        # A comparison treats blank as 0.
        return (
            f"{named}VAR __ratio = {ratio}\nRETURN\n    IF(__ratio > {most} && NOT ISBLANK(__ratio), {most}, __ratio)"
        )

    def answer(self, at: Place) -> float | None:
        return self.value(at.values(self.parts))

    def value(self, values: Mapping[str, Any]) -> float | None:
        of, to = values[self.of], values[self.to]
        if of is None or to is None or float(to) * self.factor == 0:
            return None
        ratio = float(of) / (float(to) * self.factor)
        return ratio if self.most is None else min(ratio, self.most)


@dataclass(frozen=True)
class CompleteBuckets:
    """`of`, a measure by bucket, with the newest bucket overall blank because it is still filling.

    With `buckets`, everything before the last `buckets` closed buckets is blank too: how far back a trend reaches.
    """

    folder: ClassVar[str] = "By bucket"

    of: str
    format: str = ""
    buckets: int | None = None

    @property
    def name(self) -> str:
        return f"{self.of}, closed"

    @property
    def description(self) -> str:
        reach = "" if self.buckets is None else f", over the {self.buckets} buckets before it"
        return f"{self.of}, without the newest bucket, which is still open{reach}"

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.of,)

    def dax(self, push: bool) -> str:
        highest = f"MAX({PULSE}[{BUCKET_NO}])"
        newest = f"VAR __newest = CALCULATE({highest}, REMOVEFILTERS({PULSE}))"
        # From the time context alone: a bucket is open or closed for all dimension values, with or without a row in it.
        here = f"VAR __here = CALCULATE({highest}, ALLEXCEPT({PULSE}, {PULSE}[{BUCKET}], {PULSE}[{BUCKET_NO}]))"
        value = f"VAR __value = [{self.of}]"
        shown = "__here < __newest && NOT ISBLANK(__here)"
        if self.buckets is not None:
            shown += f" && __here >= __newest - {self.buckets}"
        return f"{newest}\n{here}\n{value}\nRETURN\n    IF({shown}, __value)"

    def answer(self, at: Place) -> Value:
        return self.value(at.values(self.parts), at.behind())

    def value(self, values: Mapping[str, Any], behind: int) -> Value:
        """`behind`: how many buckets the context's newest bucket lies before the newest bucket overall."""
        return values[self.of] if 0 < behind <= (self.buckets or behind) else None


@dataclass(frozen=True)
class StateText:
    """The state of a measure, as a shape and a word."""

    folder: ClassVar[str] = "State"

    state: State
    format: str = ""

    @property
    def name(self) -> str:
        return f"{self.state.measure}, state"

    @property
    def description(self) -> str:
        s = self.state
        side = "more" if s.good > s.bad else "less"
        return f"{s.words[0]} from {s.good:g} on, {s.words[2]} from {s.bad:g} on ({side} is better)"

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.state.measure,)

    def dax(self, push: bool) -> str:
        return _by_state(self.state, [f'"{t}"' for t in self._texts], f'"{NO_DATA}"')

    def answer(self, at: Place) -> str:
        return self.value(at.values(self.parts))

    def value(self, values: Mapping[str, Any]) -> str:
        place = place_of(self.state, values[self.state.measure])
        return NO_DATA if place is None else self._texts[place]

    @property
    def _texts(self) -> list[str]:
        return [f"{shape} {word}" for shape, word in zip(SHAPES, self.state.words, strict=True)]


@dataclass(frozen=True)
class StateColour:
    """The state of a measure as a colour, which is never the only indication of it."""

    folder: ClassVar[str] = "State"

    state: State
    format: str = ""

    @property
    def name(self) -> str:
        return f"{self.state.measure}, colour"

    @property
    def description(self) -> str:
        return f"colour of {self.state.measure}, state"

    @property
    def parts(self) -> tuple[str, ...]:
        return (self.state.measure,)

    def dax(self, push: bool) -> str:
        return _by_state(self.state, [f'"{c}"' for c in STATE_COLOURS], f'"{NO_COLOUR}"')

    def answer(self, at: Place) -> str:
        return self.value(at.values(self.parts))

    def value(self, values: Mapping[str, Any]) -> str:
        place = place_of(self.state, values[self.state.measure])
        return NO_COLOUR if place is None else STATE_COLOURS[place]


@dataclass(frozen=True)
class LastUpdate:
    """Start (UTC) of the newest bucket overall, ignoring filters."""

    folder: ClassVar[str] = "State"

    name: str = "Last update"
    format: str = "yyyy-MM-dd HH:mm:ss"
    description: str = "start (UTC) of the newest bucket there is"

    @property
    def parts(self) -> tuple[str, ...]:
        return ()

    def dax(self, push: bool) -> str:
        return f"CALCULATE(MAX({PULSE}[{BUCKET}]), REMOVEFILTERS({PULSE}))"

    def answer(self, at: Place) -> datetime | None:
        return self.value(at.newest())

    def value(self, newest: datetime | None) -> datetime | None:
        return newest


@dataclass(frozen=True)
class Freshness:
    """Whether the newest bucket is stale. With `sample`, a fixed text for rows that never change."""

    folder: ClassVar[str] = "State"

    stale_after_seconds: int
    sample: bool = False
    name: str = "Freshness"
    format: str = ""

    @property
    def description(self) -> str:
        return f"stale when the newest bucket began more than {self.stale_after_seconds} seconds ago"

    @property
    def parts(self) -> tuple[str, ...]:
        return ()

    def dax(self, push: bool) -> str:
        if self.sample:
            return '"○ sample rows"'
        last = LastUpdate().dax(push)
        stale = f"DATEDIFF(__last, UTCNOW(), SECOND) > {self.stale_after_seconds}"
        said = f'IF({stale}, "{SHAPES[2]} stale", "{SHAPES[0]} live")'
        return f'VAR __last = {last}\nRETURN\n    IF(ISBLANK(__last), "{NO_DATA}", {said})'

    def answer(self, at: Place) -> str:
        return self.value(at.newest(), at.now)

    def value(self, newest: datetime | None, now: datetime) -> str:
        if self.sample:
            return "○ sample rows"
        if newest is None:
            return NO_DATA
        stale = int((now - newest).total_seconds()) > self.stale_after_seconds
        return f"{SHAPES[2]} stale" if stale else f"{SHAPES[0]} live"


DerivedMeasure = Ratio | CompleteBuckets | StateText | StateColour | LastUpdate | Freshness | TaskMeasure


def place_of(state: State, value: Any) -> int | None:
    """0 for good, 1 for watch, 2 for bad; None for blank."""
    if value is None:
        return None
    more = state.good > state.bad
    if value >= state.good if more else value <= state.good:
        return 0
    if value <= state.bad if more else value >= state.bad:
        return 2
    return 1


def _number(value: float) -> str:
    """Digits without an exponent that round-trip to the same double."""
    digits = format(Decimal(repr(float(value))), "f")
    return f"({digits})" if value < 0 else digits


def _by_state(state: State, said: list[str], blank: str) -> str:
    good, bad = (">=", "<=") if state.good > state.bad else ("<=", ">=")
    least, most = _number(state.good), _number(state.bad)
    chosen = f"IF(__value {good} {least}, {said[0]}, IF(__value {bad} {most}, {said[2]}, {said[1]}))"
    return f"VAR __value = [{state.measure}]\nRETURN\n    IF(ISBLANK(__value), {blank}, {chosen})"
