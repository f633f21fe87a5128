"""Quality of what has been scored, from Delta tables on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from livegold.reporting.lake import LiveQuality, newest_quality
from livegold.reporting.tasks import Binary, Quality
from livegold.reporting.tasks.binary import CELLS

START = datetime(2026, 3, 1, tzinfo=UTC)
TASK = Binary("yes", "no")


def write(path: Path, cells: str, minutes: int = 0) -> None:
    """One prediction a letter and minute: t(p), f(p), T(n), F(n), or u(nknown)."""
    names = dict(zip("tfTF", CELLS, strict=True))
    rows = [
        {name: names.get(cell) == name for name in CELLS}
        | {
            "outcome": {"u": None, "t": True, "F": True}.get(cell, False),
            "event_time": START + timedelta(minutes=minutes + i),
        }
        for i, cell in enumerate(cells)
    ]
    write_deltalake(str(path), pa.Table.from_pylist(rows), mode="append")


def counts(quality: Quality) -> dict[str, float]:
    return {cell: n for cell in CELLS if (n := quality[cell])}


def test_quality_grows_with_the_table(tmp_path: Path) -> None:
    write(tmp_path, "ttfTu")
    live = LiveQuality(TASK, str(tmp_path))
    assert counts(live()) == dict(tp=2, fp=1, tn=1)
    assert counts(live()) == dict(tp=2, fp=1, tn=1)
    write(tmp_path, "FFuu")
    assert counts(live()) == dict(tp=2, fp=1, tn=1, fn=2)
    assert live()["accuracy"] == pytest.approx(3 / 6)
    assert live()["baseline"] == pytest.approx(4 / 6)


def test_the_newest_fifth_is_that_of_events_with_a_known_outcome(tmp_path: Path) -> None:
    write(tmp_path, "t" * 80)
    write(tmp_path, "f" * 20, minutes=80)
    write(tmp_path, "u" * 50, minutes=100)
    found = newest_quality(TASK, str(tmp_path), "event_time")
    # The event at the boundary is one of them.
    assert (found.known, counts(found)) == (21, {"tp": 1, "fp": 20})


def test_a_boundary_beyond_all_events_leaves_nothing_and_no_share(tmp_path: Path) -> None:
    write(tmp_path, "tTfF")
    last = newest_quality(TASK, str(tmp_path), "event_time", START + timedelta(minutes=3))
    assert counts(last) == {"fn": 1}
    nothing = newest_quality(TASK, str(tmp_path), "event_time", START + timedelta(days=1))
    assert (nothing.known, counts(nothing)) == (0, {})
    assert [nothing[n] for n in ("accuracy", "baseline", "precision", "recall", "f1")] == [None] * 5
