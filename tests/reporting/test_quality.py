"""Quality of what has been scored, from Delta tables on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from livegold.reporting.cli.quality import CELLS, LiveQuality, Quality, newest

START = datetime(2026, 3, 1, tzinfo=UTC)


def write(path: Path, cells: str, minutes: int = 0) -> None:
    """One prediction a letter and minute: t(p), f(p), T(n), F(n), or u(nknown)."""
    names = dict(zip("tfTF", CELLS, strict=True))
    rows = [
        {name: names.get(cell) == name for name in CELLS}
        | {"unknown": cell == "u", "event_time": START + timedelta(minutes=minutes + i)}
        for i, cell in enumerate(cells)
    ]
    write_deltalake(str(path), pa.Table.from_pylist(rows), mode="append")


def test_quality_grows_with_the_table(tmp_path: Path) -> None:
    write(tmp_path, "ttfTu")
    live = LiveQuality(str(tmp_path))
    assert live() == Quality(tp=2, fp=1, tn=1)
    assert live() == Quality(tp=2, fp=1, tn=1)
    write(tmp_path, "FFuu")
    assert live() == Quality(tp=2, fp=1, tn=1, fn=2)
    assert live().accuracy == pytest.approx(3 / 6)
    assert live().baseline == pytest.approx(4 / 6)


def test_the_newest_fifth_is_that_of_events_with_a_known_outcome(tmp_path: Path) -> None:
    write(tmp_path, "t" * 80)
    write(tmp_path, "f" * 20, minutes=80)
    write(tmp_path, "u" * 50, minutes=100)
    found = newest(str(tmp_path), "event_time")
    # The event at the boundary is one of them.
    assert found == Quality(tp=1, fp=20)


def test_a_boundary_beyond_all_events_leaves_nothing_and_no_share(tmp_path: Path) -> None:
    write(tmp_path, "tTfF")
    assert newest(str(tmp_path), "event_time", START + timedelta(minutes=3)) == Quality(fn=1)
    nothing = newest(str(tmp_path), "event_time", START + timedelta(days=1))
    assert nothing == Quality()
    assert (nothing.accuracy, nothing.baseline, nothing.precision, nothing.recall, nothing.f1) == (None,) * 5
