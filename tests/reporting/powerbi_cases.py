"""What the tests of client, service and powerbi sink share: a small use case, its batches, clients of a service."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests

from livegold.reporting.errors import ServiceUnavailable
from livegold.reporting.measures.measure import ByBucket, Count, CountIf, Max, Measure, Sum, TrailingWindow, mean
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.local_client import client_of
from livegold.reporting.service.server import LocalService
from livegold.reporting.service.stored_rows import StoredRows
from livegold.reporting.sinks import FeedBatch, PowerBISink
from livegold.reporting.specification import SparkML
from livegold.reporting.specification.usecase import Dimension, Feature, Field, Model, Spotlight, UseCase
from livegold.reporting.tasks import Binary

CASE = UseCase(
    name="parcel_delay",
    question="Will this parcel be late?",
    entity="parcel",
    event_id="parcel",
    event_time="scanned",
    fields=(
        Field("parcel", "string", required=True),
        Field("scanned", "timestamp", required=True),
        Field("hub", "string"),
        Field("price", "decimal(10,2)"),
        Field("weight", "double"),
        Field("note", "string"),
        Field("delayed", "boolean"),
    ),
    model=Model(
        task=Binary(positive="late", negative="on time"),
        estimator=SparkML("DecisionTreeClassifier"),
        features=(Feature("weight", "weight"),),
        outcome="delayed",
    ),
    dimensions=(Dimension("site", "hub", ("North", "South")),),
    measures=(
        Measure("Parcels", Count(), format="#,0"),
        Measure("Recent parcels", Count(), scope=TrailingWindow(15)),
        Measure("Called late", CountIf("predicted")),
        Measure("Revenue", Sum("price")),
        Measure("Mean weight", mean("weight")),
        Measure("Dearest in the bucket", Max("price"), scope=ByBucket()),
    ),
    spotlight=Spotlight(severity="double(price)", where="severity > 0", columns=("price", "note")),
)
START = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
START_BUCKET = int(START.timestamp()) // 60
FACTS = ("Pulse", "Totals", "Spotlight", "Site")
ZONED = pa.timestamp("us", tz="UTC")
PULSE_SCHEMA = pa.schema(
    [
        ("bucket", ZONED),
        ("bucket_no", pa.int64()),
        ("site", pa.string()),
        ("score_band", pa.string()),
        ("model_version", pa.string()),
        ("events", pa.int64()),
        ("predicted", pa.int64()),
        ("price_sum", pa.decimal128(20, 2)),
        ("weight_sum", pa.float64()),
        ("weight_count", pa.int64()),
        ("price_max", pa.decimal128(10, 2)),
    ]
)


class Time:
    """A clock that stands still but for those who sleep on it. Remembers every sleep."""

    def __init__(self, now: float = START.timestamp()) -> None:
        self.now = now
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pulse_row(minute: int, site: str, events: int, price: str = "1.10", **other: Any) -> dict[str, Any]:
    """A row of pulse, `minute` minutes after START."""
    row = {
        "bucket": START + dt.timedelta(minutes=minute),
        "bucket_no": START_BUCKET + minute,
        "site": site,
        "score_band": "50-60%",
        "model_version": "1",
        "events": events,
        "predicted": events // 2,
        "price_sum": Decimal(price),
        "weight_sum": 0.25 * events,
        "weight_count": events,
        "price_max": Decimal(price),
    }
    return {**row, **other}


def spot_row(key: str, severity: float, minute: int = 0, note: str = "") -> dict[str, Any]:
    return {
        "event_id": key,
        "event_time": START + dt.timedelta(minutes=minute),
        "bucket": START + dt.timedelta(minutes=minute),
        "bucket_no": START_BUCKET + minute,
        "price": Decimal("12.50"),
        "note": note,
        "score": 0.75,
        "predicted": True,
        "outcome": None,
        "severity": severity,
        "site": "North",
        "score_band": "70-80%",
        "model_version": "1",
    }


def batch(
    number: int, pulse: Iterable[dict[str, Any]] = (), spotlight: Iterable[dict[str, Any]] = (), feed: str = "feed-1"
) -> FeedBatch:
    spots = list(spotlight)
    columns = [c.name for c in CASE.spotlight_columns if c.name not in ("query_id", "batch_id")]
    empty = pa.table({c: pa.array([], pa.null()) for c in columns})
    dimensions = {
        "site": pa.table(
            {"key": ["North", "South", "unknown"], "label": ["North", "South", "unknown"], "order": [0, 1, 9]}
        )
    }
    return FeedBatch(
        number,
        pa.Table.from_pylist(list(pulse), PULSE_SCHEMA),
        pa.Table.from_pylist(spots) if spots else empty,
        dimensions,
        feed,
    )


def sink_of(
    service: LocalService, state: Path, time: Time, client: PowerBIClient | None = None, **options: Any
) -> PowerBISink:
    """A sink on the clock of the tests; `options` are those of PowerBISink, `sleep` among them."""
    options = {"clock": time.clock, "sleep": time.sleep, **options}
    return PowerBISink(CASE, client or client_of(service), state, **options)


def rows_of(service: LocalService, dataset: str, table: str) -> list[dict[str, Any]]:
    """What the service stored."""
    return StoredRows(service.endpoint.api, dataset, Session(service.endpoint.ca)).rows(table)


def set_fault(service: LocalService, **fault: Any) -> None:
    answer = Session(service.endpoint.ca).post(f"{service.endpoint.api}/_local/faults", json=fault)
    assert answer.status_code == 201, answer.text


def set_semantics(service: LocalService, **semantics: Any) -> None:
    """What the service does with sequence numbers: see `livegold.reporting.service.semantics`."""
    answer = Session(service.endpoint.ca).put(f"{service.endpoint.api}/_local/semantics", json=semantics)
    assert answer.status_code == 200, answer.text


def delivered_rows(service: LocalService, dataset: str) -> dict[str, list[dict[str, Any]]]:
    return {table: rows_of(service, dataset, table) for table in FACTS}


def newest_totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the measures read: sums over the newest complete tick."""
    tick = max((r["complete_tick"] for r in rows), default=0)
    found: dict[str, Any] = Counter()
    for row in rows:
        if row["tick"] == tick and tick:
            for name in ("events", "predicted", "price_sum"):
                found[name] += row[name]
    return dict(found)


def recount(batches: list[FeedBatch]) -> dict[str, Any]:
    rows = [row for b in batches for row in b.pulse.to_pylist()]
    return {name: sum(r[name] for r in rows) for name in ("events", "predicted", "price_sum")}


def assert_once(service: LocalService, dataset: str, batches: list[FeedBatch]) -> None:
    """Everything there exactly once: pulse, spotlight, dimension keys, totals equal to a recount."""
    rows = delivered_rows(service, dataset)
    wanted = [(r["bucket_no"], r["site"], r["events"], r["price_sum"]) for b in batches for r in b.pulse.to_pylist()]
    assert sorted((r["bucket_no"], r["site"], r["events"], r["price_sum"]) for r in rows["Pulse"]) == sorted(wanted)
    spots = [r["event_id"] for b in batches for r in b.spotlight.to_pylist()]
    assert sorted(r["event_id"] for r in rows["Spotlight"]) == sorted(spots)
    assert sorted(r["key"] for r in rows["Site"]) == ["North", "South", "unknown"]
    assert newest_totals(rows["Totals"]) == recount(batches)


def assert_nothing_lost(service: LocalService, dataset: str, batches: list[FeedBatch]) -> None:
    """Every row is there, some perhaps twice; totals are exact all the same."""
    rows = delivered_rows(service, dataset)
    wanted = {(r["bucket_no"], r["site"], r["events"], r["price_sum"]) for b in batches for r in b.pulse.to_pylist()}
    assert {(r["bucket_no"], r["site"], r["events"], r["price_sum"]) for r in rows["Pulse"]} == wanted
    assert {r["event_id"] for r in rows["Spotlight"]} == {
        r["event_id"] for b in batches for r in b.spotlight.to_pylist()
    }
    assert {r["key"] for r in rows["Site"]} == {"North", "South", "unknown"}
    assert newest_totals(rows["Totals"]) == recount(batches)


class AnswersSession(Session):
    """Remembers the status of every answer."""

    def __init__(self, ca: str) -> None:
        super().__init__(ca)
        self.statuses: list[int] = []

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, url, *args, **options)
        self.statuses.append(answer.status_code)
        return answer


class TokensSession(Session):
    """Remembers the tokens that went out with calls."""

    def __init__(self, ca: str) -> None:
        super().__init__(ca)
        self.sent: set[str] = set()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.sent.add(str(request.headers.get("Authorization", "")).removeprefix("Bearer "))
        self.sent.discard("")
        return super().send(request, **options)


class Crash(BaseException):
    """Stands for kill -9: nothing catches it."""


class CrashingSession(Session):
    """Dies after the service answered the POST of rows number `at` (from 1): between POST and ledger."""

    def __init__(self, ca: str, at: int) -> None:
        super().__init__(ca)
        self._left = at

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, url, *args, **options)
        if method == "POST" and str(url).endswith("/rows"):
            self._left -= 1
            if self._left == 0:
                raise Crash
        return answer


def patient(call: Callable[[], bool], attempts: int = 100) -> None:
    import time

    for _ in range(attempts):
        if call():
            return
        time.sleep(0.05)
    raise ServiceUnavailable("it did not happen in time")
