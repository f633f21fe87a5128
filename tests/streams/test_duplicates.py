"""Duplicates are found by key and arrival, inside a batch and across batches, however events are batched."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from livegold.streams.gold.duplicates import RecentKeys

SECOND = 1_000_000


def table(rows: list[tuple[int, int, int, int]]) -> pa.Table:
    """Rows of key, arrival in seconds, partition, offset."""
    key, arrived, partition, offset = (np.array(c, dtype=np.int64) for c in zip(*rows, strict=True))
    return pa.table(
        {"key_high": key, "key_low": key * 7, "arrived": arrived * SECOND, "partition": partition, "offset": offset}
    )


def test_the_first_by_partition_and_offset_is_the_event() -> None:
    rows = [(5, 0, 1, 0), (5, 0, 0, 9), (5, 0, 0, 3), (6, 0, 0, 4)]
    assert RecentKeys(60).duplicates(table(rows)).tolist() == [True, True, False, False]


def test_a_key_of_an_earlier_batch_is_a_repeat_within_the_time_and_an_event_after_it() -> None:
    keys = RecentKeys(60)
    keys.duplicates(table([(5, 0, 0, 0)]))
    assert keys.duplicates(table([(5, 60, 0, 1)])).tolist() == [True]
    assert keys.duplicates(table([(5, 61, 0, 2)])).tolist() == [False]


def test_keys_that_share_half_their_hash_are_told_apart() -> None:
    one = pa.table({"key_high": [1, 1], "key_low": [1, 2], "arrived": [0, 0], "partition": [0, 0], "offset": [0, 1]})
    assert RecentKeys(60).duplicates(one).tolist() == [False, False]


def test_old_keys_are_forgotten() -> None:
    keys = RecentKeys(10)
    for second in range(0, 2_000, 20):
        newest = table([(second * 10 + i, second, 0, i) for i in range(10)])
        keys.duplicates(newest)
    assert len(keys) < 100
    assert keys.duplicates(newest).all(), "keys of the last moment are forgotten too"


@given(
    rows=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=40),
    cuts=st.sets(st.integers(1, 39)),
)
def test_any_cut_into_batches_gives_what_a_plain_reading_in_order_gives(
    rows: list[tuple[int, int]], cuts: set[int]
) -> None:
    arrived, events = 0, []
    for offset, (key, wait) in enumerate(rows):
        arrived += wait
        events.append((key, arrived, 0, offset))
    kept: dict[int, list[int]] = {}
    expected = []
    for key, arrived, _, _ in events:
        duplicate = any(arrived - before <= 5 for before in kept.get(key, []))
        expected.append(duplicate)
        if not duplicate:
            kept.setdefault(key, []).append(arrived)
    keys, found = RecentKeys(5), []
    edges = [0, *sorted(c for c in cuts if c < len(events)), len(events)]
    for low, high in itertools.pairwise(edges):
        if high > low:
            found += keys.duplicates(table(events[low:high])).tolist()
    assert found == expected
