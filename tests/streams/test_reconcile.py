"""Reconcile: whatever is missing, double or wrong in a lake is said; what is whole passes. On real Delta tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from livegold.reporting.lake.paths import Lake
from livegold.reporting.measures.measure import ByBucket, Count, CountIf, Measure, Min, Rejected, Sum, mean
from livegold.reporting.schema import PULSE
from livegold.reporting.settings.settings import Settings, load
from livegold.reporting.sinks import PowerBISink
from livegold.reporting.sinks.chunks import Chunk
from livegold.reporting.sinks.state import SinkState, add_chunks
from livegold.reporting.specification import SparkML
from livegold.reporting.specification.usecase import Check, Column, Dimension, Feature, Field, Model, Spotlight, UseCase
from livegold.reporting.tasks import Binary
from livegold.streams.accounts.reconciliation import Reconciliation, reconcile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.streams.local.broker import Broker

CASE = UseCase(
    name="shipments",
    question="Will it be heavy?",
    entity="shipment",
    fields=(
        Field("id", "string", required=True),
        Field("at", "timestamp", required=True),
        Field("amount", "decimal(10,2)", required=True),
        Field("weight", "double"),
        Field("kind", "string"),
    ),
    event_id="id",
    event_time="at",
    checks=(Check("amount_above_zero", "amount > 0", "amount is not above 0"),),
    model=Model(
        Binary("heavy", "light"),
        SparkML("DecisionTreeClassifier"),
        (Feature("weight", "coalesce(weight, 0)"),),
        "amount > 5",
    ),
    dimensions=(Dimension("kind", "kind"),),
    measures=(
        Measure("Shipments", Count()),
        Measure("Heavy", CountIf("tp")),
        Measure("Amount", Sum("amount")),
        Measure("Mean weight", mean("weight")),
        Measure("Smallest", Min("amount"), scope=ByBucket()),
        Measure("Refused", Rejected()),
    ),
    spotlight=Spotlight("double(amount)", "severity > 5", ("amount",), limit=2),
    duplicates_within_hours=1,
)
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOPIC = "events.jsonl"
BAD, DUPLICATE = 3, 7
"""The places of the event in quarantine and of the duplicate of place 2, byte for byte."""
RAW = "key binary, value binary, topic string, partition int, offset bigint, arrival timestamp"
QUARANTINE = f"{RAW}, reasons array, query_id string, batch_id bigint"
ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "array": pa.list_(pa.string()),
    "decimal(10,2)": pa.decimal128(10, 2),
    "decimal(20,2)": pa.decimal128(20, 2),
}
Rows = list[dict[str, Any]]


class Made:
    """A lake with ten events in two batches of five, and the folder they came from; change the rows, then `compare`."""

    def __init__(self, home: Path, **changed: str) -> None:
        self.folder = home / "hub"
        self.settings = load(
            {}, Path("none"), **{"home": str(home), **_FOLDER, "hub__folder": str(self.folder)} | changed
        )
        self.lines = [event(i) for i in range(10)]
        self.lines[BAD] = b'{"id": "e3", "amount": "much"}'
        self.lines[DUPLICATE] = self.lines[2]
        self.raw: Rows = [position(i) | {"key": None, "value": line} for i, line in enumerate(self.lines)]
        self.predictions = [predicted(i) for i in range(10) if i not in (BAD, DUPLICATE)]
        reasons = ["amount is not decimal(10,2): much", "at is missing"]
        written = {"reasons": reasons, "query_id": "q", "batch_id": 0}
        self.quarantine: Rows = [position(BAD) | {"key": None, "value": self.lines[BAD]} | written]
        self.pulse = [*pulse_of(self.predictions), rejected(BAD)]
        self.spotlight = [p for p in self.predictions if p["offset"] in (4, 9)]
        self.without: set[str] = set()

    def compare(self, case: UseCase = CASE, **options: Any) -> Reconciliation:
        """Writes everything and reconciles; starting Spark fails the test unless it is handed in."""
        self.write()
        options.setdefault("spark_factory", refuse_spark)
        return reconcile(case, self.settings, **options)

    def write(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / TOPIC).write_bytes(b"".join(line + b"\n" for line in self.lines))
        lake = Lake.of(self.settings, CASE.name)
        for name, columns, rows in (
            ("raw", parsed(RAW), self.raw),
            ("quarantine", parsed(QUARANTINE), self.quarantine),
            ("predictions", CASE.prediction_columns, self.predictions),
            ("pulse", CASE.pulse_columns, self.pulse),
            ("spotlight", CASE.spotlight_columns, self.spotlight),
        ):
            if name not in self.without:
                schema = pa.schema([(c.name, ARROW[c.type]) for c in columns])
                write_deltalake(getattr(lake, name), pa.Table.from_pylist(rows, schema=schema), mode="overwrite")


_FOLDER = {"hub__kind": "folder"}


def event(i: int) -> bytes:
    at = (START + timedelta(seconds=20 * i)).isoformat()
    body = {"id": f"e{i}", "at": at, "amount": float(amount(i)), "weight": weight(i), "kind": kind(i)}
    return json.dumps(body).encode()


def amount(i: int) -> Decimal:
    return Decimal(i + 1) + Decimal("0.25")


def weight(i: int) -> float | None:
    return None if i == 5 else 0.1 * (i + 1)


def kind(i: int) -> str:
    return ("box", "bag")[i % 2]


def position(i: int) -> dict[str, Any]:
    return {"topic": TOPIC, "partition": 0, "offset": i, "arrival": START + timedelta(seconds=20 * i + 1)}


def predicted(i: int) -> dict[str, Any]:
    time = START + timedelta(seconds=20 * i)
    number = int(time.timestamp()) // 60
    row = position(i) | {"event_id": f"e{i}", "event_time": time, "bucket_no": number}
    row |= {"bucket": datetime.fromtimestamp(number * 60, UTC), "at": time, "amount": amount(i), "weight": weight(i)}
    row |= {"kind": kind(i), "score": 0.7, "predicted": True, "tp": i > 5, "severity": float(amount(i))}
    return row | {"score_band": "70-80%", "model_version": "1", "query_id": "q", "batch_id": i // 5}


def pulse_of(predictions: Rows) -> Rows:
    keys = ["bucket", "bucket_no", "kind", "score_band", "model_version", "query_id", "batch_id"]
    groups: dict[tuple[Any, ...], Rows] = {}
    for row in predictions:
        groups.setdefault(tuple(row[k] for k in keys), []).append(row)
    return [
        dict(zip(keys, key, strict=True)) | {a.name: a.of_rows(rows) for a in CASE.aggregates}
        for key, rows in groups.items()
    ]


def rejected(i: int) -> dict[str, Any]:
    """The row of pulse for an event in quarantine: in the bucket in which it arrived, of no dimension."""
    number = int(position(i)["arrival"].timestamp()) // 60
    row = {"bucket": datetime.fromtimestamp(number * 60, UTC), "bucket_no": number, "query_id": "q", "batch_id": i // 5}
    row |= dict.fromkeys(("kind", "score_band", "model_version"), "unknown")
    return row | {a.name: 0 if a.additive else None for a in CASE.aggregates} | {"rejected": 1}


def parsed(columns: str) -> list[Column]:
    return [Column(*column.split(" ")) for column in columns.split(", ")]


def refuse_spark() -> SparkSession:
    raise AssertionError("Spark was started and is not needed here")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


def test_a_whole_lake_passes_with_every_event_accounted_for_and_without_spark(made: Made) -> None:
    found = made.compare()
    assert found.problems == ()
    assert found.ok
    assert (found.hub, found.raw, found.predictions, found.quarantined, found.duplicates) == (10, 10, 8, 1, 1)
    assert found.raw == found.predictions + found.quarantined + found.duplicates
    assert found.reasons == {"amount is not decimal(10,2)": 1, "at is missing": 1}
    assert found.delivered == {}


def test_nothing_at_all_passes(made: Made) -> None:
    made.lines = []
    made.raw = made.predictions = made.quarantine = made.pulse = made.spotlight = []
    found = made.compare()
    assert found.problems == ()
    assert (found.hub, found.raw, found.predictions, found.quarantined, found.duplicates) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda m: m.raw.pop(4),
            ["missing in raw at 1 event: events.jsonl/0/4", "1 event in predictions and not in raw"],
        ),
        (lambda m: m.raw.pop(BAD), ["1 event in quarantine and not in raw: events.jsonl/0/3"]),
        (lambda m: m.raw.pop(DUPLICATE), ["missing in raw at 1 event: events.jsonl/0/7"]),
        (lambda m: m.raw.pop(), ["raw has 9 of the 10 lines", "raw is not yet caught up: 1 event in predictions"]),
        (lambda m: m.raw.append(m.raw[4]), ["1 event more than once in raw: events.jsonl/0/4"]),
        (lambda m: m.predictions.append(m.predictions[1]), ["1 event more than once in predictions", "event_id"]),
        (lambda m: m.quarantine.append(m.quarantine[0]), ["1 event more than once in quarantine: events.jsonl/0/3"]),
        (lambda m: m.predictions.append(predicted(BAD)), ["1 event both in predictions and in quarantine"]),
        (lambda m: m.quarantine[0].update(reasons=[]), ["1 event in quarantine without a reason: events.jsonl/0/3"]),
        (lambda m: m.lines.append(event(10)), ["raw has 10 of the 11 lines"]),
    ],
)
def test_a_row_too_few_or_too_many_is_named(made: Made, change: Callable[[Made], object], says: list[str]) -> None:
    change(made)
    found = made.compare()
    assert not found.ok
    for text in says:
        assert any(text in line for line in found.problems), found.problems


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda m: m.pulse[0].update(events=m.pulse[0]["events"] + 1),
            "pulse differs from predictions in 1 rows: events",
        ),
        (lambda m: m.pulse[0].update(amount_sum=m.pulse[0]["amount_sum"] + Decimal("0.01")), "amount_sum is"),
        (lambda m: m.pulse[0].update(weight_sum=m.pulse[0]["weight_sum"] * 1.000001), "weight_sum is"),
        (lambda m: m.pulse[0].update(amount_min=Decimal("0.50")), "amount_min is 0.50"),
        (lambda m: m.pulse[0].update(kind="crate"), "pulse differs from predictions in 2 rows"),
        (lambda m: m.pulse.pop(0), "events is not there, recounted 2"),
        (lambda m: m.pulse.append(m.pulse[0]), "pulse differs from predictions in 1 rows"),
        (lambda m: m.pulse.pop(), "pulse counts 0 rejected (bucket_no 29539441), quarantine has 1"),
        (lambda m: m.pulse[-1].update(rejected=2), "pulse counts 2 rejected (bucket_no 29539441), quarantine has 1"),
        (lambda m: m.spotlight.append(predicted(BAD)), "spotlight has 1 event not in predictions: e3"),
        (lambda m: m.spotlight.append(m.spotlight[0]), "spotlight has 1 event more than once: e4"),
        (lambda m: m.spotlight.extend(predicted(i) for i in (0, 1)), "spotlight has 3 rows of batch 0, 2 at most"),
    ],
)
def test_a_pulse_or_a_spotlight_that_is_not_what_predictions_say_is_named(
    made: Made, change: Callable[[Made], object], says: str
) -> None:
    change(made)
    found = made.compare()
    assert len(found.problems) == 1
    assert says in found.problems[0]


def test_a_sum_of_doubles_in_another_order_is_the_same_sum(made: Made) -> None:
    before = made.pulse[0]["weight_sum"]
    made.pulse[0]["weight_sum"] = before * (1 + 1e-13)
    assert made.pulse[0]["weight_sum"] != before
    assert made.compare().ok


def test_a_batch_cut_off_between_predictions_and_pulse_is_not_yet_caught_up(made: Made) -> None:
    made.pulse = [row for row in made.pulse if row["batch_id"] == 0]
    found = made.compare()
    assert found.problems == ("pulse is not yet caught up: 4 events in predictions of batches it has nothing of: 1",)


@pytest.mark.spark
def test_gold_behind_raw_is_not_yet_caught_up_and_names_how_far(made: Made, spark: SparkSession) -> None:
    made.predictions = [p for p in made.predictions if p["batch_id"] == 0]
    made.pulse = [*pulse_of(made.predictions), rejected(BAD)]
    made.spotlight = made.spotlight[:1]
    found = made.compare(spark_factory=lambda: spark)
    # The duplicate of an event that gold has is one already.
    assert found.duplicates == 1
    assert found.problems == (
        "gold is not yet caught up: 4 events in raw, in no other table and after gold's last one: "
        "events.jsonl/0/5, events.jsonl/0/6, events.jsonl/0/8, ...",
    )


@pytest.mark.parametrize("name", ["raw", "predictions", "quarantine", "pulse", "spotlight"])
def test_a_table_that_is_not_there_is_the_one_problem(made: Made, name: str) -> None:
    made.without = {name}
    found = made.compare()
    assert len(found.problems) == 1
    assert f"table {name} is not there" in found.problems[0]
    assert "livegold run shipments" in found.problems[0]


def test_a_repeat_after_the_hours_is_an_event_of_its_own(made: Made) -> None:
    later = predicted(2) | {"arrival": START + timedelta(hours=2), "offset": DUPLICATE, "batch_id": 1}
    made.raw[DUPLICATE]["arrival"] = later["arrival"]
    made.predictions.append(later)
    made.pulse = [*pulse_of(made.predictions), rejected(BAD)]
    assert made.compare().problems == ()
    later["arrival"] = START + timedelta(minutes=59)
    found = made.compare()
    assert found.problems == (
        "1 event in predictions whose event_id came before, within duplicates_within_hours (1): events.jsonl/0/7",
    )


def test_events_without_a_key_have_no_repeats(made: Made) -> None:
    case = replace(CASE, event_id=None)
    found = made.compare(case)
    assert found.duplicates == 0
    assert "missing: 1 event in raw and in no other table: events.jsonl/0/7" in found.problems


def test_a_hub_that_does_not_answer_is_a_problem_unless_it_is_left_out(tmp_path: Path) -> None:
    made = Made(tmp_path, hub__kind="kafka", hub__folder="", hub__servers="127.0.0.1:1", hub__topic=TOPIC)
    found = made.compare(deadline=1.0)
    assert found.hub is None
    assert len(found.problems) == 1
    assert found.problems[0].startswith("the hub was not compared: hub events.jsonl on 127.0.0.1:1: no answer in 1 s")
    assert made.compare(hub=False).ok


# ---- Spark validates -------------------------------------------------------------------------------------------------


@pytest.mark.spark
def test_a_repeat_with_other_blanks_is_told_by_the_pipelines_own_parser(made: Made, spark: SparkSession) -> None:
    made.lines[DUPLICATE] = made.lines[2].replace(b": ", b" :  ")
    made.raw[DUPLICATE]["value"] = made.lines[DUPLICATE]
    found = made.compare(spark_factory=lambda: spark)
    assert found.problems == ()
    assert found.duplicates == 1


@pytest.mark.spark
def test_what_is_missing_is_told_apart_from_repeats(made: Made, spark: SparkSession) -> None:
    made.predictions = [p for p in made.predictions if p["offset"] not in (1, 2)]
    made.pulse = pulse_of(made.predictions)
    made.quarantine = []
    found = made.compare(spark_factory=lambda: spark)
    assert found.duplicates == 0
    assert found.problems == (
        "missing: 3 events in raw and in no other table, valid and no duplicate: "
        "events.jsonl/0/1, events.jsonl/0/2, events.jsonl/0/7",
        "missing: 1 event in raw and in no other table, not valid and not in quarantine: events.jsonl/0/3",
    )


@pytest.mark.spark
def test_the_same_bytes_are_no_repeat_when_they_came_before_their_time(made: Made, spark: SparkSession) -> None:
    # Ten minutes before its own time the event was not valid: quarantine should have it.
    made.raw[DUPLICATE]["arrival"] = START + timedelta(seconds=40, minutes=-10)
    found = made.compare(spark_factory=lambda: spark)
    assert found.problems == (
        "missing: 1 event in raw and in no other table, not valid and not in quarantine: events.jsonl/0/7",
    )


@pytest.mark.spark
def test_a_run_that_writes_meanwhile_is_told_of(made: Made, spark: SparkSession) -> None:
    made.predictions = [p for p in made.predictions if p["offset"] != 1]
    made.pulse = [*pulse_of(made.predictions), rejected(BAD)]

    def spark_while_raw_is_written() -> SparkSession:
        raw = DeltaTable(Lake.of(made.settings, CASE.name).raw)
        write_deltalake(raw, raw.to_pyarrow_dataset().head(1), mode="append")
        return spark

    found = made.compare(spark_factory=spark_while_raw_is_written)
    assert found.raw == 10
    assert found.problems == (
        "missing: 1 event in raw and in no other table, valid and no duplicate: events.jsonl/0/1",
        "a run was writing while this was compared: compare again when it has ended",
    )


# ---- a real broker ---------------------------------------------------------------------------------------------------


def on_kafka(home: Path, broker: Broker, topic: str, transactions: bool = False) -> Made:
    """The same lake from a real topic of one partition."""
    from confluent_kafka import Producer

    made = Made(home, hub__kind="kafka", hub__folder="", hub__servers=broker.servers, hub__topic=topic)
    broker.create_topic(topic, 1)
    options = {"bootstrap.servers": broker.servers} | ({"transactional.id": topic} if transactions else {})
    producer = Producer(options)
    if transactions:
        producer.init_transactions()
    for line in made.lines:
        if transactions:
            producer.begin_transaction()
        producer.produce(topic, line)
        if transactions:
            producer.commit_transaction()
    producer.flush()
    for row in (*made.raw, *made.predictions, *made.quarantine):
        row["topic"] = topic
        row["offset"] *= 2 if transactions else 1
    return made


@pytest.mark.broker
def test_raw_is_held_against_the_offsets_of_the_broker(tmp_path: Path, broker: Broker) -> None:
    made = on_kafka(tmp_path, broker, "reconcile-plain")
    assert made.compare().problems == ()
    assert made.compare().hub == 10
    del made.raw[DUPLICATE]
    assert made.compare().problems == ("1 event in the hub and not in raw: reconcile-plain/0/7",)
    made.raw.append(made.raw[0] | {"offset": 10})
    problems = made.compare(CASE, spark_factory=refuse_spark).problems
    assert problems[0] == "1 event in raw beyond the hub's next offset, 10: reconcile-plain/0/10"
    del made.raw[5:]
    problems = made.compare().problems
    late = "5 events in the hub and after raw's last one: reconcile-plain/0/5, reconcile-plain/0/6, reconcile-plain/0/7"
    assert problems[0] == f"raw is not yet caught up: {late}, ..."


@pytest.mark.broker
def test_marks_of_transactions_are_no_missing_events(tmp_path: Path, broker: Broker) -> None:
    made = on_kafka(tmp_path, broker, "reconcile-transactions", transactions=True)
    found = made.compare()
    assert found.problems == ()
    assert found.hub == 10
    del made.raw[DUPLICATE]
    assert made.compare().problems == ("1 event in the hub and not in raw: reconcile-transactions/0/14",)


@pytest.mark.broker
def test_events_that_the_hub_has_let_go_are_still_wanted_in_raw(tmp_path: Path, broker: Broker) -> None:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    made = on_kafka(tmp_path, broker, "reconcile-expired")
    admin = AdminClient({"bootstrap.servers": broker.servers})
    for done in admin.delete_records([TopicPartition("reconcile-expired", 0, 8)]).values():
        done.result(10)
    found = made.compare()
    assert found.problems == ()
    assert (found.hub, found.raw) == (2, 10)
    del made.raw[DUPLICATE]
    assert made.compare().problems == ("1 event not in raw and no more in the hub: reconcile-expired/0/7",)


@pytest.mark.broker
def test_a_topic_that_is_not_there_is_a_problem_and_the_rest_is_compared(tmp_path: Path, broker: Broker) -> None:
    made = Made(tmp_path, hub__kind="kafka", hub__folder="", hub__servers=broker.servers, hub__topic="nobody")
    found = made.compare()
    assert len(found.problems) == 1
    assert found.problems[0].startswith("the hub was not compared: hub nobody on")
    assert found.duplicates == 1


# ---- what was delivered ----------------------------------------------------------------------------------------------


def accept(settings: Settings, batches: dict[int, Rows], waiting: tuple[int, ...] = ()) -> None:
    """Puts the pulse of batches into the sink's ledger, as the sink does, and leaves some in the outbox."""
    from livegold.reporting.sinks.rows import sums_of

    state = SinkState(PowerBISink.folder(settings, CASE), "powerbi")
    additive = [a.name for a in CASE.aggregates if a.additive]
    for number, rows in batches.items():
        chunk = Chunk(number, PULSE, 0, 1_000 * number + 1, 0, len(rows), sums_of(rows, additive), b"{}")
        with state.transaction() as db:
            add_chunks(db, [chunk])
        state.put(last_batch=number)
        if number not in waiting:
            first = state.next_chunk()
            assert first is not None
            state.accepted(first, 0.0, "sent")
    state.close()


def by_batch(pulse: Rows) -> dict[int, Rows]:
    return {n: [row for row in pulse if row["batch_id"] == n] for n in (0, 1)}


def test_what_power_bi_accepted_is_summed_and_equals_gold(made: Made) -> None:
    accept(made.settings, by_batch(made.pulse))
    found = made.compare()
    assert found.problems == ()
    assert (found.delivered["events"].accepted, found.delivered["events"].gold) == (8, 8)
    assert found.delivered["amount_sum"].accepted == sum(p["amount"] for p in made.predictions)
    assert made.compare(delivered=False).delivered == {}


def test_a_row_that_power_bi_did_not_get_is_a_problem(made: Made) -> None:
    batches = by_batch(made.pulse)
    batches[1] = batches[1][1:]
    accept(made.settings, batches)
    found = made.compare()
    assert len(found.problems) == 1
    assert (
        "powerbi: accepted rows of pulse sum up to events 7 (gold has 8), amount_sum 38.75 (gold has 45.00)"
        in found.problems[0]
    )


def test_posts_that_wait_are_a_problem(made: Made) -> None:
    accept(made.settings, by_batch(made.pulse), waiting=(1,))
    assert made.compare().problems == (
        "powerbi: POSTs that are not delivered yet: 1: run again, or wait for the service",
    )


def test_a_feed_that_is_behind_gold_is_compared_up_to_its_position(made: Made) -> None:
    batches = by_batch(made.pulse)
    everything, made.pulse = made.pulse, batches[0]
    accept(made.settings, {0: batches[0]})
    made.write()
    pulse = DeltaTable(Lake.of(made.settings, CASE.name).pulse)
    write_deltalake(pulse, pa.Table.from_pylist(batches[1], schema=pulse.to_pyarrow_dataset().schema), mode="append")
    offsets = Path(Lake.of(made.settings, CASE.name).checkpoint("feed-powerbi")) / "offsets"
    offsets.mkdir(parents=True)
    position = {"sourceVersion": 1, "reservoirId": str(pulse.metadata().id), "reservoirVersion": 1, "index": -1}
    (offsets / "0").write_text("\n".join(["v1", "{}", json.dumps(position)]))
    found = reconcile(CASE, made.settings, refuse_spark)
    assert found.problems == ()
    assert (found.delivered["events"].accepted, found.delivered["events"].handed_over) == (4, 4)
    assert found.delivered["events"].gold == sum(row["events"] for row in everything)
