"""Synthetic New York taxi trips as events: plausible, seeded, with invalid, late and duplicate events. Not real trips.

Tips are modelled on how they come about: riders press a button, mostly 20%, that applies to the whole amount, so a
generous tip (25% of the fare) depends on the ratio of tolls and surcharges to the fare, on habits by borough, color and
hour, and on the rider, which is noise. About 57% of card trips are generous; a tree of depth 5 gets three in four
right.
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Event = tuple[str | None, bytes]
"""Key and value, as they go into the hub."""

ZONE = ZoneInfo("America/New_York")
BLOCK = 10_000  # events generated at a time
NOMINAL_RATE = 5_000.0
"""Events a second, from which times are computed if there is neither a rate nor a clock."""
HISTORY = timedelta(weeks=4)
LATE_SECONDS = (360.0, 7_200.0)
_DUPLICABLE = 20_000  # valid events kept as candidates for duplicates
_SOON = 20  # most duplicates follow within this many valid events
_FAR_SHARE = 0.2
_CORRECTED_SHARE = 0.1  # share of dirty events that are followed by the corrected event

_TEMPLATE = (
    '{"trip_id":"%s","pickup":"%s","dropoff":"%s","passengers":%d,"distance":%s,"fare":%s,"tip":%s,"tolls":%s,'
    '"total":%s,"color":"%s","payment":"%s","pickup_zone":"%s","dropoff_zone":"%s","pickup_borough":"%s",'
    '"dropoff_borough":"%s"}'
)

_BOROUGHS = ("Manhattan", "Queens", "Brooklyn", "Bronx", "Staten Island", "EWR")
_FROM_YELLOW = (0.897, 0.075, 0.022, 0.004, 0.001, 0.001)
_FROM_GREEN = (0.32, 0.24, 0.32, 0.12, 0.0, 0.0)
# Where a trip that leaves its borough goes, by the borough it starts in.
_LEAVES = np.array((0.11, 0.62, 0.35, 0.35, 0.60, 1.0))
_TO_OTHERS = (0.40, 0.29, 0.22, 0.06, 0.01, 0.02)
_ZONES: tuple[tuple[str, ...], ...] = (
    (
        "Midtown Center",
        "Upper East Side North",
        "Union Sq",
        "East Village",
        "Times Sq/Theatre District",
        "Clinton East",
    ),
    ("JFK Airport", "LaGuardia Airport", "Astoria", "Sunnyside", "Jackson Heights", "Forest Hills", "Elmhurst"),
    ("Williamsburg (North Side)", "Park Slope", "Fort Greene", "Boerum Hill", "Greenpoint", "Crown Heights North"),
    ("Mott Haven/Port Morris", "Highbridge", "Belmont", "Norwood", "Soundview/Castle Hill"),
    ("Saint George/New Brighton", "Stapleton", "Great Kills"),
    ("Newark Airport",),
)
_PAYMENTS = ("credit card", "cash", "no charge", "dispute")
_PAYMENT_SHARES = (0.72, 0.265, 0.01, 0.005)
# Trips by hour of the local day, and the speed of traffic in miles an hour.
_BUSY = np.array([3, 2, 1.4, 1, 0.8, 0.9, 2, 3.6, 4.6, 4.6, 4.4, 4.6, 4.8, 4.8, 5, 4.8, 4.4, 5, 6, 6, 5.4, 5.2, 5, 4])
_SPEED = np.array([15, 16, 17, 18, 18, 17, 14, 11, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10, 11, 12, 12, 13, 14], dtype=float)


def generate(
    seed: int,
    start: datetime,
    rate: float | None = None,
    *,
    dirty: float = 0.05,
    late: float = 0.02,
    duplicate: float = 0.02,
    count: int | None = None,
    now: Callable[[], datetime] | None = None,
) -> Iterator[Event]:
    """An endless stream of events, or `count` of them; the same for the same arguments (except for what `now` returns).

    `dirty`, `late` and `duplicate` are shares of all events. Event i ends (dropoff) at `start` + i / `rate`, so that a
    publisher with that rate publishes trips as they end; without a rate it ends at `now()`. `start` has a time zone.
    """
    labelled = generate_labelled(seed, start, rate, dirty=dirty, late=late, duplicate=duplicate, count=count, now=now)
    return (event for _, event in labelled)


def generate_labelled(
    seed: int,
    start: datetime,
    rate: float | None = None,
    *,
    dirty: float = 0.05,
    late: float = 0.02,
    duplicate: float = 0.02,
    count: int | None = None,
    now: Callable[[], datetime] | None = None,
) -> Iterator[tuple[str, Event]]:
    """Like `generate`, but each event has a label: `valid`, `late` (also valid), `dirty` or `duplicate`.

    A duplicate is an earlier valid event, byte for byte. A dirty event is never valid, but some are followed by the
    corrected event with the same key, which is.
    """
    if start.tzinfo is None:
        raise ValueError(f"start {start} has no time zone: give one")
    if min(dirty, late, duplicate) < 0 or dirty + late + duplicate > 1:
        raise ValueError(f"shares {dirty}, {late} and {duplicate} of dirty, late and duplicate: give 0 to 1 in all")
    return islice(_stream(seed, start, rate, (dirty, late, duplicate), now), count)


def history(seed: int, count: int, end: datetime) -> Iterator[Event]:
    """`count` valid trips that ended in the four weeks before `end`, oldest first, for a model to learn from."""
    if end.tzinfo is None:
        raise ValueError(f"end {end} has no time zone: give one")
    draw = np.random.default_rng((seed, 1))
    hours = int(HISTORY.total_seconds() // 3600)
    first = end.timestamp() - hours * 3600
    weights = _BUSY[
        ((first + 3600 * np.arange(hours) + _offsets(first + 3600.0 * np.arange(hours))) // 3600 % 24).astype(int)
    ]
    chosen = draw.choice(hours, size=count, p=weights / weights.sum())
    times = np.sort(first + 3600.0 * (chosen + draw.random(count)))
    prefix = _prefix("history", seed, end)
    for begin in range(0, count, BLOCK):
        block = _trips(draw, times[begin : begin + BLOCK], prefix, begin)
        for key, text in zip(block.keys, block.texts, strict=True):
            yield key, text.encode()


def _stream(
    seed: int,
    start: datetime,
    rate: float | None,
    shares: tuple[float, float, float],
    now: Callable[[], datetime] | None,
) -> Iterator[tuple[str, Event]]:
    draw = np.random.default_rng((seed, 0))
    rng = random.Random(seed)
    prefix = _prefix("live", seed, start)
    dirty, late, duplicate = shares
    kinds = np.array(["dirty", "late", "duplicate", "valid"])
    before: deque[Event] = deque(maxlen=_DUPLICABLE)
    begin = 0
    while True:
        at = begin + np.arange(BLOCK)
        if rate is None and now is not None:
            ends = np.full(BLOCK, now().timestamp())
        else:
            ends = start.timestamp() + at / (rate or NOMINAL_RATE)
        kind = kinds[np.searchsorted(np.cumsum([dirty, late, duplicate]), draw.random(BLOCK), side="right")]
        # Most late events are minutes late, few are hours late.
        least, most = LATE_SECONDS
        lateness = least * (most / least) ** draw.random(BLOCK)
        block = _trips(draw, np.where(kind == "late", ends - lateness, ends), prefix, begin)
        labels = kind.tolist()
        for i, label in enumerate(labels):
            if label == "dirty":
                twin = i + 1 < BLOCK and labels[i + 1] == "valid" and rng.random() < _CORRECTED_SHARE
                yield "dirty", _soil(rng, block.keys[i + twin], block.texts[i + twin])
            elif label == "duplicate" and before:
                span = len(before) if rng.random() < _FAR_SHARE else min(_SOON, len(before))
                yield "duplicate", before[-1 - rng.randrange(span)]
            else:
                event = block.keys[i], block.texts[i].encode()
                before.append(event)
                yield ("late" if label == "late" else "valid"), event
        begin += BLOCK


def _prefix(what: str, seed: int, moment: datetime) -> str:
    # Another run has other trips: their keys must differ, or all of them would be duplicates.
    text = f"{what} {seed} {moment.astimezone(UTC).isoformat()}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class _Block:
    keys: list[str]
    texts: list[str]


def _trips(draw: np.random.Generator, ends: NDArray[np.float64], prefix: str, begin: int) -> _Block:
    n = len(ends)
    green = draw.random(n) < 0.14
    origin = np.where(green, _pick(draw, n, _FROM_GREEN), _pick(draw, n, _FROM_YELLOW))
    target = np.where(draw.random(n) < _LEAVES[origin], _pick(draw, n, _TO_OTHERS), origin)
    local_end = ends + _offsets(ends)
    hour = (local_end // 3600 % 24).astype(int)
    weekend = ((local_end // 86_400 + 3) % 7).astype(int) >= 5

    far = origin != target
    distance = np.where(far, 6.5, np.where(origin == 0, 1.55, 2.0)) * np.exp(draw.normal(0, np.where(far, 0.55, 0.72)))
    distance = np.round(np.clip(distance, 0.2, 40), 2)
    speed = _SPEED[hour] * np.where(weekend, 1.15, 1.0) * (1 + distance / 14) * np.exp(draw.normal(0, 0.2, n))
    seconds = np.maximum(60, (distance / speed * 3600 + draw.uniform(20, 120, n)).astype(int))
    # The meter: 2.50 dollars, 2.50 a mile, 50 cents a minute of slow traffic; it counts in steps of 50 cents.
    fare = 50 * np.round((250 + 250 * distance + 50 * 0.55 * seconds / 60) / 50).astype(int)
    toll = (far & (distance > 6) & (draw.random(n) < 0.7)) | (target == 5)
    tolls = np.where(toll, np.where(target == 5, 1_250, 612), 0)
    congestion = np.where((origin == 0) | (target == 0), np.where(green, 0, 250), 0)
    night = (hour >= 20) | (hour < 6)
    rush = ~weekend & (hour >= 16) & (hour < 20)
    extras = 80 + congestion + np.where(night, 50, np.where(rush, 100, 0))

    payment = _pick(draw, n, _PAYMENT_SHARES)
    share = _tip_share(draw, n, green, origin, hour)
    tip = np.where(payment == 0, np.round(share * (fare + tolls + extras)).astype(int), 0)
    passengers = 1 + _pick(draw, n, (0.72, 0.15, 0.05, 0.02, 0.035, 0.025))
    dropoff = np.floor(local_end)
    keys = [f"{prefix}-{begin + i}" for i in range(n)]
    columns = (
        keys,
        _texts(dropoff - seconds),
        _texts(dropoff),
        passengers.tolist(),
        distance.tolist(),
        *((cents / 100).tolist() for cents in (fare, tip, tolls, fare + tip + tolls + extras)),
        np.where(green, "green", "yellow").tolist(),
        np.array(_PAYMENTS)[payment].tolist(),
        _zones(draw, origin),
        _zones(draw, target),
        np.array(_BOROUGHS)[origin].tolist(),
        np.array(_BOROUGHS)[target].tolist(),
    )
    return _Block(keys, [_TEMPLATE % row for row in zip(*columns, strict=True)])


def _tip_share(
    draw: np.random.Generator, n: int, green: NDArray[np.bool_], origin: NDArray[np.int64], hour: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The tip of a rider who pays by card, as a share of the whole amount."""
    stingy = 0.22 + 0.20 * green + 0.12 * (origin >= 2) + 0.06 * (origin == 1) + 0.05 * ((hour < 5) | (hour >= 23))
    lavish = 0.24 + 0.06 * ((hour >= 7) & (hour < 10)) - 0.10 * green
    habit = draw.random(n)
    share = np.full(n, 0.20)
    modest = draw.choice(np.array((0.0, 0.0, 0.05, 0.10, 0.12, 0.15)), n)
    share = np.where(habit < stingy, modest, share)
    share = np.where(habit > 1 - lavish, draw.choice(np.array((0.25, 0.25, 0.28, 0.30, 0.35)), n), share)
    return share


def _pick(draw: np.random.Generator, n: int, shares: tuple[float, ...]) -> NDArray[np.int64]:
    bounds = np.cumsum(shares)
    return np.searchsorted(bounds / bounds[-1], draw.random(n), side="right")


def _zones(draw: np.random.Generator, borough: NDArray[np.int64]) -> list[str]:
    sizes = np.array([len(z) for z in _ZONES])
    starts = np.cumsum(sizes) - sizes
    names = np.array([name for zones in _ZONES for name in zones], dtype=object)
    found: list[str] = names[starts[borough] + (draw.random(len(borough)) * sizes[borough]).astype(int)].tolist()
    return found


def _offsets(moments: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """New York's UTC offset in seconds at each moment; clocks change only on the hour."""
    hours, place = np.unique(moments // 3600, return_inverse=True)
    offsets = [ZONE.utcoffset(datetime.fromtimestamp(h * 3600, ZONE)) for h in hours.tolist()]
    return np.array([o.total_seconds() for o in offsets if o is not None])[place]


def _texts(local: NDArray[np.float64]) -> list[str]:
    texts = np.datetime_as_string(local.astype("int64").astype("datetime64[s]"))
    return [text.replace("T", " ") for text in texts.tolist()]


def _soil(rng: random.Random, key: str, text: str) -> Event:
    return rng.choice(DIRT)(rng, key, text)


def _with(name: str, value: str) -> Callable[[random.Random, str, str], Event]:
    """Replaces the value of a field by another one, in JSON."""

    def soil(rng: random.Random, key: str, text: str) -> Event:
        before, after = _around(text, name)
        return key, f'{before}"{name}":{value}{after}'.encode()

    return soil


def _around(text: str, name: str) -> tuple[str, str]:
    start = text.index(f'"{name}":')
    # No value of the template contains a comma.
    ends = [place for place in (text.find(",", start), len(text) - 1) if place > 0]
    return text[:start], text[min(ends) :]


def _without(name: str) -> Callable[[random.Random, str, str], Event]:
    def soil(rng: random.Random, key: str, text: str) -> Event:
        before, after = _around(text, name)
        left = before + after.removeprefix(",")
        return (None if name == "trip_id" else key), left.encode()

    return soil


def _truncated(rng: random.Random, key: str, text: str) -> Event:
    return key, text[: rng.randrange(1, len(text) - 1)].encode()


def _trailing(rng: random.Random, key: str, text: str) -> Event:
    return key, (text + rng.choice((" xyz", "}", ",", "null", text))).encode()


def _not_json(rng: random.Random, key: str, text: str) -> Event:
    return None, rng.choice((b"meter offline", b"null", b"42", b'"trip"', b"<trip/>", b"\x00\x01\x02", b"   "))


def _empty(rng: random.Random, key: str, text: str) -> Event:
    return key, b""


def _in_array(rng: random.Random, key: str, text: str) -> Event:
    return key, f"[{text}]".encode()


def _invalid_utf8(rng: random.Random, key: str, text: str) -> Event:
    start = text.index('"pickup_zone":"') + len('"pickup_zone":"')
    return key, text[:start].encode() + rng.choice((b"\xff\xfe", b"\xc3", b"\xed\xa0\x80")) + text[start:].encode()


def _single_quotes(rng: random.Random, key: str, text: str) -> Event:
    return key, text.replace('"', "'").encode()


def _fare_twice(rng: random.Random, key: str, text: str) -> Event:
    return key, text.replace('"fare":', '"fare":1.0,"fare":', 1).encode()


def _dropoff_first(rng: random.Random, key: str, text: str) -> Event:
    return key, text.replace('"pickup":', '"x":').replace('"dropoff":', '"pickup":').replace(
        '"x":', '"dropoff":'
    ).encode()


DIRT: tuple[Callable[[random.Random, str, str], Event], ...] = (
    _truncated,
    _trailing,
    _not_json,
    _empty,
    _in_array,
    _invalid_utf8,
    _single_quotes,
    _fare_twice,
    _dropoff_first,
    *(_without(name) for name in ("trip_id", "pickup", "dropoff", "distance", "fare")),
    *(_with(name, "null") for name in ("trip_id", "dropoff", "fare")),
    *(_with("fare", value) for value in ('"abc"', '"NaN"', "NaN", "-12.5", "1e40", '{"amount":12.5}', '""')),
    *(_with("passengers", value) for value in ("2.5", '"two"', "-1", "99")),
    *(_with("distance", value) for value in ("0.0", "-3.1", "1e9", '"Infinity"', "true")),
    *(_with("tip", value) for value in ("-2.0", "[2.0]")),
    *(_with("pickup", value) for value in ('"1970-01-01 00:00:00"', '"yesterday"', '"2024-13-45 10:00:00"')),
    *(_with("dropoff", value) for value in ('"2090-01-01 00:00:00"', '"1970-01-01 00:00:00"', '""')),
)
"""The ways in which an event becomes invalid, all equally likely. None of them results in a valid event."""
