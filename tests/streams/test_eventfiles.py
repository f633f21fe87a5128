"""Files as events: names, codes, order, dirt, keys, replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import duckdb
import orjson
import pytest

from livegold.reporting.errors import WrongUse
from livegold.reporting.specification import UseCase, load_use_case
from livegold.reporting.usecases import taxi_events
from livegold.streams.hub.files import EventFile, replay

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HEADER = "pickup,dropoff,distance,fare,tip,passengers,payment,meter"
TLC = (
    "VendorID,tpep_pickup_datetime,tpep_dropoff_datetime,passenger_count,trip_distance,RatecodeID,PULocationID,"
    "DOLocationID,payment_type,fare_amount,tip_amount,tolls_amount,total_amount"
)


@pytest.fixture(scope="module")
def taxi() -> UseCase:
    return load_use_case("taxi_tips")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to(name: str, *lines: str) -> Path:
        file = tmp_path / name
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    return to


Write = Callable[..., Path]


def dicts(file: EventFile, round: int = 0) -> list[dict[str, object]]:
    events = list(file.events(round))
    assert all(isinstance(e, dict) for e in events)
    return events  # type: ignore[return-value]


def test_lines_are_sorted_by_the_instant_the_pipeline_will_read(taxi: UseCase, write: Write) -> None:
    # A time without a zone is by the clock of New York, four hours behind UTC; what has no date has no time.
    times = ("2026-05-04 08:00:01", "2026-05-04T12:00:00Z", "2026-05-04T13:59:59+02:00", "08:00:00", "20260504")
    lines = (json.dumps({"pickup": t, "dropoff": t, "distance": 1.0, "fare": 5.0}) for t in times)
    file = EventFile(write("zones.jsonl", *lines), taxi)
    assert [e["dropoff"] for e in dicts(file)] == [times[2], times[1], times[0], times[3], times[4]]


def test_rows_become_events_in_the_order_of_event_time(taxi: UseCase, write: Write) -> None:
    file = EventFile(
        write(
            "a.csv",
            HEADER,
            "2019-03-02 10:00:00,2019-03-02 10:30:00,3.5,12.50,0.00,1,cash,m7",
            "2019-03-02 09:00:00,not a time,1,5,0,1,cash,m7",
            "2019-03-02 10:05:00,2019-03-02 10:20:00,1.5,7.0,2.15,2,credit card,m8",
        ),
        taxi,
    )
    events = dicts(file)
    assert [e["dropoff"] for e in events] == ["2019-03-02 10:20:00", "2019-03-02 10:30:00", "not a time"]
    first = {k: v for k, v in events[0].items() if k != "trip_id"}
    assert first == {
        "pickup": "2019-03-02 10:05:00",
        "dropoff": "2019-03-02 10:20:00",
        "passengers": 2,
        "distance": 1.5,
        "fare": 7.0,
        "tip": 2.15,
        "payment": "credit card",
    }
    assert isinstance(first["passengers"], int)
    assert file.count == 3
    assert file.ignored == ("meter",)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("abc", "abc"),
        ("NaN", "NaN"),
        ("inf", "inf"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("007", "007"),
        ("1e999", "1e999"),
        ("12345678901234567890", "12345678901234567890"),
        ("-12.5", -12.5),
        ("1e2", 100.0),
        (" 7.25 ", 7.25),
    ],
)
def test_what_is_no_number_stays_the_text_it_is(taxi: UseCase, write: Write, cell: str, value: object) -> None:
    row = f"2019-03-02 10:00:00,2019-03-02 10:30:00,1.0,{cell},,,,"
    (event,) = dicts(EventFile(write("a.csv", HEADER, row), taxi))
    assert event["fare"] == value
    assert type(event["fare"]) is type(value)


def test_a_whole_number_of_a_column_with_gaps_is_whole_again(taxi: UseCase, write: Write) -> None:
    rows = [f"2019-03-02 10:00:00,2019-03-02 10:30:0{i},1,5,,{n},," for i, n in enumerate(("1.0", "2.5", "two"))]
    assert [e["passengers"] for e in dicts(EventFile(write("a.csv", HEADER, *rows), taxi))] == [1, 2.5, "two"]


def test_empty_cells_and_short_lines_leave_fields_out(taxi: UseCase, write: Write) -> None:
    rows = ["2019-03-02 10:00:00,2019-03-02 10:30:00,,5,,,,", "2019-03-02 10:00:00,2019-03-02 10:31:00,1.0,6"]
    empty, short = dicts(EventFile(write("a.csv", HEADER, *rows), taxi))
    assert set(empty) == {"trip_id", "pickup", "dropoff", "fare"}
    assert set(short) == {"trip_id", "pickup", "dropoff", "distance", "fare"}


def test_the_tlcs_own_names_and_codes_are_understood(taxi: UseCase, write: Write) -> None:
    yellow = "2,2024-01-05 08:00:00,2024-01-05 08:15:00,1.0,2.2,1,161,132,1,14.2,4.0,6.94,29.64"
    (event,) = dicts(EventFile(write("y.csv", TLC, yellow), taxi))
    assert {k: v for k, v in event.items() if k != "trip_id"} == {
        "pickup": "2024-01-05 08:00:00",
        "dropoff": "2024-01-05 08:15:00",
        "passengers": 1,
        "distance": 2.2,
        "fare": 14.2,
        "tip": 4.0,
        "tolls": 6.94,
        "total": 29.64,
        "color": "yellow",
        "payment": "credit card",
        "pickup_borough": "Manhattan",
        "dropoff_borough": "Queens",
    }
    green = "2,2024-01-05 08:00:00,2024-01-05 08:15:00,,2.2,1,264,1.0,2.0,14.2,0,0,15"
    (event,) = dicts(EventFile(write("g.csv", TLC.replace("tpep", "lpep").upper(), green), taxi))
    assert (event["color"], event["payment"], event["dropoff_borough"]) == ("green", "cash", "EWR")
    assert "pickup_borough" not in event


def test_csv_and_parquet_of_the_same_rows_give_the_same_events(taxi: UseCase, write: Write, tmp_path: Path) -> None:
    rows = [f"2,2024-01-05 0{i}:00:00,2024-01-05 0{i}:15:00,1,2.{i},1,161,132,{i},14.2,4,0,19" for i in range(1, 5)]
    source = write("y.csv", TLC, *rows)
    typed = tmp_path / "y.parquet"
    duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}') ORDER BY random()) TO '{typed}' (FORMAT parquet)")
    from_csv, from_parquet = dicts(EventFile(source, taxi)), dicts(EventFile(typed, taxi))
    assert [{**e, "trip_id": ""} for e in from_csv] == [{**e, "trip_id": ""} for e in from_parquet]
    assert [e["payment"] for e in from_csv] == ["credit card", "cash", "no charge", "dispute"]


def test_the_same_row_has_the_same_key_and_a_second_round_another(taxi: UseCase, write: Write) -> None:
    row = "2019-03-02 10:00:00,2019-03-02 10:30:00,1,5,,1,,"
    other = row.replace("m", "x").replace(",5,", ",6,")
    file = EventFile(write("a.csv", HEADER, row, row, other), taxi)
    keys = [str(e["trip_id"]) for e in dicts(file)]
    assert keys[0] == keys[1] != keys[2]
    assert [str(e["trip_id"]) for e in dicts(file, 1)] == [f"{k}-1" for k in keys]
    assert [e["trip_id"] for e in dicts(EventFile(file.path, taxi))] == keys


def test_a_key_in_the_file_is_kept(taxi: UseCase, write: Write) -> None:
    row = "t-1,2019-03-02 10:00:00,2019-03-02 10:30:00,1,5"
    (event,) = dicts(EventFile(write("a.csv", "Trip_ID,pickup,DROPOFF,distance,fare", row), taxi))
    assert event["trip_id"] == "t-1"


def test_json_lines_keep_the_types_and_the_dirt_they_have(taxi: UseCase, write: Write) -> None:
    good = '{"trip_id":"a","pickup":"2019-03-02 10:00:00","dropoff":"2019-03-02 10:30:00","distance":1,"fare":"5"}'
    early = good.replace("10:30", "10:10").replace('"a"', '"b"').replace('"fare"', '"fare_amount"')
    file = EventFile(write("a.jsonl", good, "{broken", early, "", "[1]"), taxi)
    events = list(file.events())
    assert events[0] == json.loads(early.replace("fare_amount", "fare"))
    assert events[1] == json.loads(good)
    assert events[2:] == [b"{broken", b"", b"[1]"]
    assert file.count == 5


def test_generated_events_replay_byte_for_byte(taxi: UseCase, tmp_path: Path) -> None:
    made = [value for _, value in taxi_events.generate(3, NOON, dirty=0.5, count=2_000)]
    file = tmp_path / "made.jsonl"
    file.write_bytes(b"".join(value + b"\n" for value in made))
    kept = [value for _, value in replay(EventFile(file, taxi), keep_times=True)]
    known = {f.name for f in taxi.fields}
    whole = [v for v in made if not _is_object(v) or (set(orjson.loads(v)) <= known and "trip_id" in orjson.loads(v))]
    assert len(whole) > 1_900
    assert not set(whole) - set(kept)
    assert len(kept) == len(made)


def _is_object(value: bytes) -> bool:
    try:
        return isinstance(orjson.loads(value), dict)
    except orjson.JSONDecodeError:
        return False


def test_a_replay_adds_the_moment_each_event_is_due_and_changes_nothing_else(taxi: UseCase, write: Write) -> None:
    rows = [f"2019-03-0{day} 10:00:00,2019-03-0{day} 10:30:00,1,5,,1,," for day in (3, 1, 2)]
    file = EventFile(write("a.csv", HEADER, *rows), taxi)
    shown = [(key, orjson.loads(value)) for key, value in replay(file, rate=2, start=NOON)]
    assert [e.pop("replay_time") for _, e in shown] == [
        "2026-03-02T12:00:00.000Z",
        "2026-03-02T12:00:00.500Z",
        "2026-03-02T12:00:01.000Z",
    ]
    assert [e for _, e in shown] == dicts(file)
    assert [key for key, _ in shown] == [e["trip_id"] for e in dicts(file)]
    assert [orjson.loads(v) for _, v in replay(file, rate=2, keep_times=True)] == dicts(file)


def test_a_replay_adds_its_time_to_a_dirty_line_without_mending_it(taxi: UseCase, write: Write) -> None:
    twice = '{"trip_id":"a","pickup":"2019","dropoff":"2019","distance":1,"fare":9,"fare":5}'
    ((_, value),) = replay(EventFile(write("a.jsonl", twice), taxi), rate=1, start=NOON)
    assert value == twice[:-1].encode() + b',"replay_time":"2026-03-02T12:00:00.000Z"}'


def test_a_looped_replay_goes_on_in_time_with_new_keys(taxi: UseCase, write: Write) -> None:
    rows = [f"2019-03-02 10:00:00,2019-03-02 10:30:0{i},1,5,,1,," for i in range(3)]
    file = EventFile(write("a.csv", HEADER, *rows), taxi)
    seven = list(islice(replay(file, rate=1, start=NOON, loop=True), 7))
    assert len({key for key, _ in seven}) == 7
    last = orjson.loads(seven[-1][1])
    assert last["replay_time"] == (NOON + timedelta(seconds=6)).isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )
    assert str(last["trip_id"]).endswith("-2")


def test_a_looped_replay_of_no_rows_ends(taxi: UseCase, write: Write) -> None:
    assert list(replay(EventFile(write("a.csv", HEADER), taxi), loop=True)) == []


@pytest.mark.parametrize(
    ("name", "lines", "says"),
    [
        ("a.xlsx", ("",), "is of no known kind: give a .csv, .tsv, .parquet, .jsonl, .ndjson or .json file"),
        (
            "a.csv",
            ("a,b", "1,2"),
            "has no column for distance, dropoff, fare or pickup of taxi_tips: found a, b; expected ",
        ),
        ("a.csv", (HEADER.replace("fare", "far"), "1"), "has no column for fare of taxi_tips: found pickup, "),
        ("a.jsonl", ('{"a":1}', "{"), "has no column for distance, dropoff, fare or pickup of taxi_tips: found a; "),
        ("a.parquet", ("PAR?",), "cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_events_is_refused_with_what_was_found_and_expected(
    taxi: UseCase, write: Write, name: str, lines: tuple[str, ...], says: str
) -> None:
    with pytest.raises(WrongUse) as caught:
        EventFile(write(name, *lines), taxi)
    assert says in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(taxi: UseCase, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="does not exist"):
        EventFile(tmp_path / "none.csv", taxi)


def test_the_real_trips_are_all_read_once_in_order(taxi: UseCase, shared_data: Path) -> None:
    file = EventFile(shared_data / "taxis.csv", taxi)
    events = dicts(file)
    assert file.count == len(events) == 6_433
    assert len({e["trip_id"] for e in events}) == 6_433
    times = [str(e["dropoff"]) for e in events]
    assert times == sorted(times)
    assert file.ignored == ()
    with (shared_data / "taxis.csv").open() as source:
        names = source.readline().strip().split(",")
        rows = {tuple(line.rstrip("\n").split(",")) for line in source}
    assert len(rows) == 6_433
    filled = sum(1 for row in rows for cell in row if cell)
    assert sum(len(e) - 1 for e in events) == filled
    assert set().union(*events) - {"trip_id"} == set(names)
    known = [e for e in events if e.get("payment") == "credit card"]
    generous = sum(1 for e in known if round(float(str(e["tip"])) * 100) >= 25 * float(str(e["fare"])))
    assert round(generous / len(known), 2) == 0.54
