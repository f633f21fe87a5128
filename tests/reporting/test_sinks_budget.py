"""The budget under endless demand in simulated time: no window of a limit is ever passed, and no wait is long."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path

import pytest

from livegold.reporting.powerbi.limits import MAX_POSTS_PER_MINUTE, MAX_ROWS_PER_HOUR
from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.powerbi.budget import Budget
from livegold.reporting.sinks.state import SinkState
from powerbi_cases import Time


@pytest.mark.parametrize(("rows", "posts"), [(10_000, 300), (500, 1_500)])
def test_endless_demand_never_passes_a_window_and_never_waits_for_long(tmp_path: Path, rows: int, posts: int) -> None:
    time = Time()
    state = SinkState(tmp_path, "powerbi")
    budget = Budget(state, time.clock)
    sent: list[tuple[float, int]] = []
    for i in range(posts):
        while (wait := budget.wait(rows)) > 0:
            time.sleep(wait)
        state.sending(Chunk(i, "Pulse", 0, i, 0, rows, "{}", b""), time.now)
        sent.append((time.now, rows))
    state.close()
    sums = [0, *accumulate(n for _, n in sent)]
    for i, (at, _) in enumerate(sent):
        within_hour = [j for j, (then, _) in enumerate(sent[: i + 1]) if then > at - 3_600]
        within_minute = [then for then, _ in sent[: i + 1] if then > at - 60]
        assert sums[i + 1] - sums[within_hour[0]] <= MAX_ROWS_PER_HOUR
        assert len(within_minute) <= MAX_POSTS_PER_MINUTE
    assert max(time.slept) < 120
    assert sum(n for _, n in sent) / (sent[-1][0] - sent[0][0]) > 0.7 * min(
        MAX_ROWS_PER_HOUR / 3_600, rows * MAX_POSTS_PER_MINUTE / 60
    )


def test_what_was_used_is_known_after_a_restart(tmp_path: Path) -> None:
    time = Time()
    for _ in range(2):
        state = SinkState(tmp_path, "powerbi")
        state.sending(Chunk(0, "Pulse", 0, 1, 0, 7, "{}", b""), time.now)
        used = Budget(state, time.clock).used()
        state.close()
    assert (used.rows, used.posts) == (14, 2)
    time.now += 3_700
    state = SinkState(tmp_path, "powerbi")
    assert Budget(state, time.clock).used().rows == 0
    state.close()


def test_spotlight_has_room_in_half_of_what_may_go_at_once(tmp_path: Path) -> None:
    time = Time()
    state = SinkState(tmp_path, "powerbi")
    budget = Budget(state, time.clock)
    assert budget.spotlight_room(100) == 124_900
    with state.transaction() as db:
        db.execute("insert into posts (at, rows) values (?, ?)", (time.now, 124_950))
    assert budget.spotlight_room(10) == 40
    assert budget.spotlight_room(100) == 0
    state.close()
