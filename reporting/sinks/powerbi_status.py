"""What `livegold status` shows of the powerbi sink, from its journal alone: also from another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livegold.reporting.errors import WrongUse
from livegold.reporting.powerbi.limits import HOUR_SECONDS, MAX_POSTS_PER_MINUTE, MAX_ROWS_BASIC_FIFO, MAX_ROWS_PER_HOUR
from livegold.reporting.schema import PULSE, TICK
from livegold.reporting.sinks.budget import Budget
from livegold.reporting.sinks.destination import DATASET_ID, DATASET_NAME, MODE, ONCE
from livegold.reporting.sinks.planner import LAST_BATCH, PASSED_BY, THINNED
from livegold.reporting.sinks.state import Journal
from livegold.reporting.sinks.values import CUT, NULLED


def status_of(state: Path, clock: Callable[[], float] = time.time) -> dict[str, Any]:
    """The status of the sink with this state folder, also from another process; state "new" before its first run."""
    try:
        journal = Journal(state, read_only=True)
    except WrongUse:
        return {"sink": "powerbi", "state": "new"}
    try:
        used = Budget(journal, clock).used()
        counts = journal.counts()
        tables = {t: {"rows": r, "posts": p, "last_accepted_at": a} for t, r, p, a in journal.delivered()}
        stopped = journal.get("stopped")
        rate = journal.rows_since(PULSE, clock() - HOUR_SECONDS)
        return {
            "sink": "powerbi",
            "state": "stopped" if stopped else "running",
            "stopped": stopped or None,
            "dataset": journal.get(DATASET_ID) or None,
            "dataset_name": journal.get(DATASET_NAME) or None,
            "mode": journal.get(MODE, ONCE),
            "last_batch": int(journal.get(LAST_BATCH, "-1")),
            "tick": int(journal.get(TICK, "0")),
            "outbox_posts": journal.waiting(),
            "rows_last_hour": used.rows,
            "rows_limit": MAX_ROWS_PER_HOUR,
            "posts_last_minute": used.posts,
            "posts_limit": MAX_POSTS_PER_MINUTE,
            "tables": tables,
            "rows_delivered": sum(t["rows"] for t in tables.values()),
            # How far back Pulse reaches when it is full, at the pace of the last hour; None while nothing came.
            "pulse_holds_hours": round(MAX_ROWS_BASIC_FIFO / rate, 2) if rate else None,
            "spotlight_thinned": counts.get(THINNED, 0),
            "pulse_rows_beyond_retention": counts.get(PASSED_BY, 0),
            "strings_cut": counts.get(CUT, 0),
            "values_nulled": counts.get(NULLED, 0),
            "throttled": int(journal.get("throttled", "0")),
            "failures": int(journal.get("failures", "0")),
            "last_error": journal.get("last_error") or None,
            "last_error_at": float(journal.get("last_error_at", "0")) or None,
            "last_accepted_at": float(journal.get("last_accepted_at", "0")) or None,
        }
    finally:
        journal.close()
