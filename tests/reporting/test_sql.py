"""`livegold sql`: the tables of a lake are there by their names, and nothing but reading is possible."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from livegold.reporting.errors import WrongUse
from livegold.reporting.lake.sql import delta_tables, query, storage_options
from livegold.reporting.settings.settings import Settings, load

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PULSE = pa.table({"bucket": pa.array([NOON, NOON], pa.timestamp("us", tz="UTC")), "events": [3, 4]})
BOROUGH = pa.table({"key": ["Queens"], "label": ["Queens"], "order": [0]})
RAW = pa.table({"value": [b"{}"], "partition": pa.array([0], pa.int32()), "offset": [0]})


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """One use case: taxi_tips, with pulse, a dimension, raw and quarantine, and things that are no tables."""
    lake = tmp_path / "lake"
    write_deltalake(lake / "gold" / "taxi_tips" / "pulse", PULSE)
    write_deltalake(lake / "gold" / "taxi_tips" / "borough", BOROUGH)
    write_deltalake(lake / "raw" / "taxi_tips", RAW)
    write_deltalake(lake / "quarantine" / "taxi_tips", RAW)
    (lake / "gold" / "taxi_tips" / "no_table").mkdir()
    (lake / "checkpoints" / "taxi_tips" / "raw").mkdir(parents=True)
    return lake


def settings(lake: Path | str) -> Settings:
    return load({}, Path("none"), lake=str(lake))


def rows(lake: Path | str, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in query(settings(lake), sql).to_pylist()]


def test_every_table_of_the_lake_is_found(lake: Path) -> None:
    assert delta_tables(settings(lake)) == {
        "taxi_tips": {
            "borough": f"{lake}/gold/taxi_tips/borough",
            "pulse": f"{lake}/gold/taxi_tips/pulse",
            "quarantine": f"{lake}/quarantine/taxi_tips",
            "raw": f"{lake}/raw/taxi_tips",
        }
    }


def test_tables_answer_by_their_full_name_and_by_their_own_where_there_is_one_use_case(lake: Path) -> None:
    for name in ("taxi_tips.pulse", "pulse", "Taxi_Tips.Pulse", '"taxi_tips"."pulse"'):
        assert rows(lake, f"SELECT sum(p.events)::BIGINT FROM {name} AS p") == [(7,)]
    assert rows(lake, "WITH b AS (FROM borough) SELECT label FROM b") == [("Queens",)]
    assert rows(lake, 'SELECT count(*) FROM raw JOIN quarantine USING ("partition", "offset")') == [(1,)]


def test_two_use_cases_answer_by_their_full_names_only(lake: Path) -> None:
    write_deltalake(lake / "gold" / "shop" / "pulse", PULSE.slice(0, 1))
    assert rows(lake, "SELECT count(*) FROM shop.pulse, taxi_tips.pulse") == [(2,)]
    with pytest.raises(WrongUse, match=r"table pulse does not exist: there are shop\.pulse; taxi_tips\.borough, .* or"):
        rows(lake, "SELECT * FROM pulse")


def test_a_lake_at_a_url_answers_the_same(lake: Path) -> None:
    url = f"file://{lake}"
    assert delta_tables(settings(url))["taxi_tips"]["pulse"] == f"{url}/gold/taxi_tips/pulse"
    assert rows(url, "SELECT sum(events)::BIGINT FROM taxi_tips.pulse") == [(7,)]


def test_times_are_utc_whatever_the_machine_says(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    answer = query(settings(lake), "SELECT bucket, bucket::VARCHAR AS text FROM pulse LIMIT 1")
    assert answer.schema.field("bucket").type == pa.timestamp("us", tz="UTC")
    assert answer.to_pylist() == [{"bucket": NOON, "text": "2026-03-01 12:00:00+00"}]


def test_show_and_describe_tell_what_is_there(lake: Path) -> None:
    assert rows(lake, "show tables;") == [
        ("taxi_tips.borough",),
        ("taxi_tips.pulse",),
        ("taxi_tips.quarantine",),
        ("taxi_tips.raw",),
    ]
    assert [row[:2] for row in rows(lake, "DESCRIBE pulse")] == [
        ("bucket", "TIMESTAMP WITH TIME ZONE"),
        ("events", "BIGINT"),
    ]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("CREATE TABLE x AS SELECT 1", "CREATE"),
        ("WITH a AS (SELECT 1) INSERT INTO pulse SELECT * FROM a", "INSERT"),
        ("DELETE FROM pulse", "DELETE"),
        ("COPY pulse TO 'x.csv'", "COPY"),
        ("ATTACH 'x.db'", "ATTACH"),
        ("INSTALL httpfs", "LOAD"),
        ("SET enable_external_access = true", "SET"),
        ("EXPLAIN ANALYZE CREATE TABLE x (i INT)", "EXPLAIN"),
    ],
)
def test_whatever_does_not_read_is_refused(lake: Path, sql: str, kind: str) -> None:
    with pytest.raises(WrongUse, match=f"sql: {kind} is not for here, the lake is only read: give SELECT, WITH"):
        rows(lake, sql)


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT 1; SELECT 2", "2 statements were given: give one"),
        ("", "0 statements were given: give one"),
        ("SELCT 1", 'syntax error at or near "SELCT"'),
        ("SELECT nothing FROM pulse", '"nothing" not found in FROM clause! Candidate bindings: '),
        ("SELECT * FROM taxi_tips.nowhere", "nowhere does not exist: there are taxi_tips.borough, "),
        ("SELECT * FROM nobody.pulse", "table nobody.pulse does not exist: there are taxi_tips.borough, "),
    ],
)
def test_an_error_is_one_line_that_says_what_is_there(lake: Path, sql: str, says: str) -> None:
    with pytest.raises(WrongUse) as raised:
        rows(lake, sql)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("sql", ["SELECT * FROM read_csv('{}')", "SELECT * FROM '{}'", "FROM glob('{}')"])
def test_files_outside_the_lake_are_out_of_reach(lake: Path, tmp_path: Path, sql: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("password\nhunter2\n", encoding="utf-8")
    with pytest.raises(WrongUse, match=f'Cannot access file "{file}" - file system operations are disabled'):
        rows(lake, sql.format(file))


def test_objects_of_the_program_are_out_of_reach(lake: Path) -> None:
    nearby = BOROUGH
    assert nearby.num_rows == 1
    with pytest.raises(WrongUse, match="table nearby does not exist"):
        query(settings(lake), "SELECT * FROM nearby")


def test_no_lake_and_an_empty_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"lake .*nowhere does not exist: run `livegold run` first"):
        rows(tmp_path / "nowhere", "SELECT * FROM pulse")
    with pytest.raises(WrongUse, match=r"table pulse does not exist: .* holds no table yet"):
        rows(tmp_path, "SELECT * FROM pulse")


def test_a_remote_lake_gets_its_options_from_the_environment_and_a_local_one_none() -> None:
    environment = {"AZURE_CLIENT_ID": "me", "AWS_REGION": "eu", "PATH": "/bin"}
    assert storage_options("abfss://lake@store.dfs.core.windows.net", environment) == {
        "AZURE_CLIENT_ID": "me",
        "AWS_REGION": "eu",
    }
    assert storage_options("/lake", environment) is None
