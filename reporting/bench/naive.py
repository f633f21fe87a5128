"""The push as people first write it: one row per event, each batch's rows in POSTs, and a pause after a 429.

It sends 10,000 rows per POST, the maximum, and waits longer after each refusal, like the retries of an HTTP library; it
has no budget and ignores Retry-After. After the last attempt it drops the rows and continues.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from livegold.reporting.bench.clock import SimulatedClock
from livegold.reporting.bench.wire import CountingSession
from livegold.reporting.errors import LivegoldError, Throttled
from livegold.reporting.powerbi import PowerBIClient
from livegold.reporting.powerbi.limits import MAX_ROWS_PER_POST

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
TABLE = "Trips"
DEFINITION = {
    "name": "Naive Push",
    "defaultMode": "Push",
    "tables": [
        {
            "name": TABLE,
            "columns": [
                {"name": "trip", "dataType": "String"},
                {"name": "dropoff", "dataType": "DateTime"},
                {"name": "borough", "dataType": "String"},
                {"name": "payment", "dataType": "String"},
                {"name": "fare", "dataType": "Double"},
                {"name": "score", "dataType": "Double"},
                {"name": "predicted", "dataType": "Boolean"},
            ],
        }
    ],
}


@dataclass(frozen=True)
class Naive:
    """What happened to `events`, in rows; `behind` is how many seconds after its event the next row would be sent."""

    hours: float
    events: int
    accepted: int
    given_up: int
    waiting: int
    refusals: int
    posts: int
    behind: float
    most_rows_an_hour: int
    most_posts_a_minute: int
    held: int
    wall_seconds: float


def push_naively(
    client: PowerBIClient,
    session: CountingSession,
    clock: SimulatedClock,
    rate: float,
    hours: float,
    counted: Callable[[str, str], tuple[int, int]],
) -> Naive:
    """Sends `rate` events per second for some simulated hours; `counted` gives (stored, held) of a dataset's table."""
    dataset = client.create_dataset(DEFINITION, "basicFIFO").id
    begun = time.monotonic()
    start, end = clock(), clock() + hours * 3_600
    sent = accepted = given_up = 0
    while clock() < end:
        first = start + sent / rate
        # The rows of a POST are complete shortly after its last event.
        clock.wait_until(first + MAX_ROWS_PER_POST / rate)
        if _arrives(client, clock, dataset, _rows(first, rate), end):
            accepted += MAX_ROWS_PER_POST
        else:
            given_up += MAX_ROWS_PER_POST
        sent += MAX_ROWS_PER_POST
    events = round(rate * (clock() - start))
    stored, held = counted(dataset, TABLE)
    if stored != accepted:
        raise LivegoldError(f"the naive push had {accepted} rows accepted and the service stored {stored}")
    return Naive(
        hours=(clock() - start) / 3_600,
        events=events,
        accepted=accepted,
        given_up=given_up,
        waiting=max(0, events - sent),
        refusals=session.statuses[429],
        posts=session.statuses.total(),
        behind=max(0.0, clock() - (start + sent / rate)),
        most_rows_an_hour=session.rows_an_hour.most,
        most_posts_a_minute=session.posts_a_minute.most,
        held=held,
        wall_seconds=time.monotonic() - begun,
    )


def _arrives(client: PowerBIClient, clock: SimulatedClock, dataset: str, body: bytes, end: float) -> bool:
    for pause in PAUSES:
        try:
            client.post_rows(dataset, TABLE, body)
            return True
        except Throttled:
            if clock() >= end:
                return False
            clock.sleep(pause)
    return False


def _rows(first: float, rate: float) -> bytes:
    times = first + np.arange(MAX_ROWS_PER_POST) / rate
    texts = np.datetime_as_string((times * 1e3).astype("datetime64[ms]"), unit="ms").tolist()
    rows: list[dict[str, Any]] = [
        {
            "trip": f"t{number}",
            "dropoff": text + "Z",
            "borough": "Manhattan",
            "payment": "credit card",
            "fare": 12.5,
            "score": 0.75,
            "predicted": True,
        }
        for number, text in enumerate(texts)
    ]
    return orjson.dumps({"rows": rows})
