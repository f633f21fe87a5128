"""The made-up trips: deterministic, plausible, and as dirty, late and duplicate as asked for."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from livegold.reporting.usecases import taxi_events, tlc
from livegold.reporting.usecases.taxi_events import DIRT, generate, generate_labelled, history

START = datetime(2026, 3, 2, 17, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def local(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=NEW_YORK)


def is_valid(value: bytes) -> bool:
    """An independent reading of what the use case calls valid, in plain Python."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    def no_constant(text: str) -> float:
        raise ValueError(text)

    try:
        trip = json.loads(value.decode("utf-8"), object_pairs_hook=once, parse_constant=no_constant)
        if not isinstance(trip, dict) or not isinstance(trip["trip_id"], str):
            return False
        pickup, dropoff = local(trip["pickup"]), local(trip["dropoff"])
    except (ValueError, KeyError, TypeError):
        return False
    numbers = [trip.get(name, 0) for name in ("distance", "fare", "tip", "tolls", "total", "passengers")]
    if not all(type(n) in (int, float) for n in numbers) or "distance" not in trip or "fare" not in trip:
        return False
    return (
        timedelta(0) <= dropoff - pickup <= timedelta(days=1)
        and dropoff.year < 2030
        and 0 < trip["distance"] <= 500
        and 0 < trip["fare"] <= 5_000
        and trip["tip"] >= 0
        and type(trip["passengers"]) is int
        and 0 <= trip["passengers"] <= 20
    )


def test_the_same_seed_and_start_give_the_same_events() -> None:
    one = list(generate(7, START, 100, count=12_000))
    assert one == list(generate(7, START, 100, count=12_000))
    assert one[:50] == list(generate(7, START, 100, count=50))
    assert one != list(generate(8, START, 100, count=12_000))


def test_another_start_or_seed_has_other_keys() -> None:
    runs = [generate(1, START), generate(2, START), generate(1, START + timedelta(seconds=1)), history(1, 500, START)]
    keys = [{key for key, _ in islice(run, 500) if key} for run in runs]
    assert all(not a & b for i, a in enumerate(keys) for b in keys[i + 1 :])


def test_every_event_is_what_its_label_says() -> None:
    seen: dict[str | None, bytes] = {}
    kinds: Counter[str] = Counter()
    for i, (kind, (key, value)) in enumerate(generate_labelled(1, START, 100, count=30_000)):
        kinds[kind] += 1
        assert b"\n" not in value
        assert is_valid(value) == (kind != "dirty"), (kind, value)
        if kind == "duplicate":
            assert seen[key] == value
        elif kind != "dirty":
            assert key not in seen
            assert json.loads(value)["trip_id"] == key
            seen[key] = value
            lateness = START + timedelta(seconds=i / 100) - local(json.loads(value)["dropoff"])
            late = lateness > timedelta(seconds=300)
            assert late == (kind == "late")
            assert timedelta(0) <= lateness <= timedelta(hours=2, seconds=1)
    assert abs(kinds["dirty"] - 1_500) < 150
    assert abs(kinds["late"] - 600) < 100
    assert abs(kinds["duplicate"] - 600) < 100


def test_some_dirty_events_come_again_corrected() -> None:
    dirty: set[str | None] = set()
    valid: set[str | None] = set()
    for kind, (key, _) in generate_labelled(1, START, 100, count=20_000):
        (dirty if kind == "dirty" else valid).add(key)
    assert len((dirty & valid) - {None}) > 30


def test_repeats_come_soon_and_thousands_of_events_later() -> None:
    first: dict[str | None, int] = {}
    gaps = []
    for i, (kind, (key, _)) in enumerate(generate_labelled(1, START, 100, count=40_000)):
        if kind == "duplicate":
            gaps.append(i - first[key])
        elif kind != "dirty":
            first[key] = i
    assert sum(gap < 40 for gap in gaps) > len(gaps) / 2
    assert sum(gap > 2_000 for gap in gaps) > len(gaps) / 20


def test_shares_of_nothing_give_clean_trips_only() -> None:
    kinds = Counter(kind for kind, _ in generate_labelled(1, START, dirty=0, late=0, duplicate=0, count=15_000))
    assert kinds == {"valid": 15_000}
    assert {kind for kind, _ in generate_labelled(1, START, dirty=1, late=0, duplicate=0, count=500)} == {"dirty"}


@pytest.mark.parametrize("soil", DIRT)
def test_no_kind_of_dirt_makes_a_valid_event(soil: Any) -> None:
    for key, value in history(5, 200, START):
        assert is_valid(value)
        _, dirty = soil(random.Random(key), key, value.decode())
        assert not is_valid(dirty), dirty


def test_dropoffs_follow_the_clock_where_there_is_one() -> None:
    now = START + timedelta(days=3)
    events = generate(1, START, dirty=0, late=0, duplicate=0, count=100, now=lambda: now)
    assert {local(json.loads(value)["dropoff"]) for _, value in events} == {now}


def test_local_times_are_right_on_both_sides_of_a_clock_change() -> None:
    change = datetime(2026, 3, 8, 7, tzinfo=UTC)  # 2 in the morning becomes 3
    events = list(generate(1, change - timedelta(hours=1), 1.0, dirty=0, late=0, duplicate=0, count=7_200))
    for i, (_, value) in enumerate(events):
        assert local(json.loads(value)["dropoff"]) == change - timedelta(hours=1) + timedelta(seconds=i)


def test_history_is_clean_and_spread_over_the_weeks_before() -> None:
    trips = [json.loads(value) for _, value in history(1, 20_000, START)]
    assert len({t["trip_id"] for t in trips}) == 20_000
    ends = [t["dropoff"] for t in trips]
    assert ends == sorted(ends)
    assert START - taxi_events.HISTORY - timedelta(seconds=1) <= local(ends[0])
    assert local(ends[-1]) <= START
    weeks = Counter((START - local(end)).days // 7 for end in ends)
    assert all(weeks[week] > 4_000 for week in range(4))


def test_tips_are_known_for_cards_only_and_half_of_those_are_generous() -> None:
    trips = [json.loads(value) for _, value in history(1, 20_000, START)]
    assert all(t["tip"] == 0 for t in trips if t["payment"] != "credit card")
    cards = [t for t in trips if t["payment"] == "credit card"]
    generous = [round(t["tip"] * 100) >= 25 * t["fare"] for t in cards]
    assert 0.5 <= sum(generous) / len(cards) <= 0.6
    # What a model can find is there, and what nobody can know is there too.
    rule = [t["fare"] < 13 and t["color"] == "yellow" and t["pickup_borough"] == "Manhattan" for t in cards]
    right = sum(a == b for a, b in zip(rule, generous, strict=True)) / len(cards)
    assert 0.68 <= right <= 0.79


def test_amounts_add_up_and_places_are_real() -> None:
    for _, value in history(2, 3_000, START):
        trip = json.loads(value)
        extras = trip["total"] - trip["fare"] - trip["tip"] - trip["tolls"]
        assert 0.79 <= extras <= 4.31
        assert {trip["pickup_borough"], trip["dropoff_borough"]} <= set(tlc.BOROUGHS.values())


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        generate(1, datetime(2026, 3, 2))
    with pytest.raises(ValueError, match="has no time zone"):
        list(history(1, 1, datetime(2026, 3, 2)))
    with pytest.raises(ValueError, match="0 to 1 in all"):
        generate(1, START, dirty=0.8, late=0.3)


def test_a_count_is_kept_across_the_blocks_events_are_made_in() -> None:
    assert sum(1 for _ in generate(1, START, count=25_001)) == 25_001


def test_every_location_of_the_tlc_has_one_borough() -> None:
    assert sorted(tlc.BOROUGHS) == list(range(1, 264))
    sizes = Counter(tlc.BOROUGHS.values())
    assert sizes == {"Manhattan": 69, "Queens": 69, "Brooklyn": 61, "Bronx": 43, "Staten Island": 20, "EWR": 1}
    assert [tlc.BOROUGHS[n] for n in (132, 138, 161, 255, 166)] == [
        "Queens",
        "Queens",
        "Manhattan",
        "Brooklyn",
        "Manhattan",
    ]
