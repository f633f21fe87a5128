"""A template's semantic model: what is in it, that Microsoft's parser takes it, and that its sample rows are what gold
would have."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import re
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegold.dashboards.checks.model import Model
from livegold.dashboards.checks.model_parser import parse
from livegold.dashboards.checks.powerquery import check as check_m
from livegold.dashboards.checks.template import Template
from livegold.dashboards.checks.toolbox import Tools
from livegold.dashboards.model.deflate import deflate
from livegold.dashboards.model.semantic_model import fields, semantic_model, semantic_model_files
from livegold.dashboards.model.tabular import CalculatedPartition, EntityPartition, MPartition
from livegold.dashboards.sample_rows import SAMPLE_NOTE, SampleRows, sample_rows
from livegold.reporting.errors import SpecificationError, WrongUse
from livegold.reporting.lake.sql import database
from livegold.reporting.measures.measure import Count, Measure
from livegold.reporting.pipeline import for_duckdb, prepare
from livegold.reporting.powerbi.dataset import push_dataset
from livegold.reporting.semantic.model import Source, model_measures
from livegold.reporting.specification.usecase import Dimension, UseCase
from livegold.reporting.tasks.binary import SCORE_BANDS
from livegold.reporting.usecases.taxi_tips import USECASE as TAXI
from model_cases import made_cases, with_cut_offs

SOURCES: tuple[Source, ...] = ("databricks", "directlake", "delta", "sample")
LARGEST_FILE = 300_000
MANY = 30


@pytest.fixture(scope="module")
def rows() -> SampleRows:
    return sample_rows(TAXI)


def texts(case: UseCase, source: Source) -> dict[str, str]:
    return {path: content.decode("utf-8") for path, content in semantic_model_files(case, source).items()}


def written(folder: Path, case: UseCase, source: Source) -> Template:
    """A template with a model and no report."""
    for path, content in semantic_model_files(case, source).items():
        file = folder / "X.SemanticModel" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return Template(folder)


def loaded(templates: Iterable[Template], tools: Tools) -> list[Model]:
    """What the model parser makes of them; M parses too."""
    templates = list(templates)
    answers = parse(templates, tools)
    assert [f for a in answers for f in a.findings if f.state != "passed"] == []
    models = [a.model for a in answers]
    assert [f for found in check_m(templates, models, tools) for f in found if f.state != "passed"] == []
    return [m for m in models if m]


# ---- Microsoft's parser ----------------------------------------------------------------------------------------------


def test_the_parser_loads_every_source_with_the_fields_that_are_promised(tmp_path: Path, tools: Tools) -> None:
    templates = [written(tmp_path / source, TAXI, source) for source in SOURCES]
    for source, model in zip(SOURCES, loaded(templates, tools), strict=True):
        found = {name: set(table.columns | table.measures) for name, table in model.tables.items()}
        assert found == fields(TAXI, source)


def test_files_are_what_microsofts_serializer_writes(tmp_path: Path, tools: Tools) -> None:
    cases = [TAXI, *made_cases(8)]
    pairs = []
    for number, case in enumerate(cases):
        for source in SOURCES:
            folder = written(tmp_path / f"{number} {source}", case, source).model
            assert folder is not None
            pairs.append((folder / "definition", tmp_path / "again" / f"{number} {source}"))
    script = Path(__file__).with_name("canonical_tmdl.py")
    command = [sys.executable, str(script), str(tools.python), *(str(p) for pair in pairs for p in pair)]
    root = str(Path(__file__).parents[2])
    subprocess.run(command, check=True, timeout=300, env={**os.environ, "PYTHONPATH": root})
    for ours, theirs in pairs:
        names = {p.relative_to(theirs) for p in theirs.rglob("*.tmdl")}
        assert names == {p.relative_to(ours) for p in ours.rglob("*.tmdl")}
        for name in names:
            text = (theirs / name).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
            assert (ours / name).read_bytes().decode("utf-8") == text, name


def test_the_parser_loads_models_of_many_other_use_cases(tmp_path: Path, tools: Tools) -> None:
    cases = [(case, source) for case in made_cases(MANY) for source in SOURCES]
    templates = [written(tmp_path / str(n), case, source) for n, (case, source) in enumerate(cases)]
    models = loaded(templates, tools)
    assert len(models) == MANY * len(SOURCES)
    for (case, source), model in zip(cases, models, strict=True):
        found = {name: set(table.columns | table.measures) for name, table in model.tables.items()}
        assert found == fields(case, source)


# ---- files -----------------------------------------------------------------------------------------------------------


def test_the_same_use_case_gives_the_same_bytes_in_any_process() -> None:
    program = (
        "import hashlib, sys; from livegold.reporting.usecases.taxi_tips import USECASE; "
        "from livegold.dashboards.model.semantic_model import semantic_model_files; "
        "files = [f for s in sys.argv[1:] for f in semantic_model_files(USECASE, s).items()]; "
        "print(hashlib.sha256(repr(files).encode()).hexdigest())"
    )
    root = str(Path(__file__).parents[2])
    seen = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, *SOURCES],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(seen) == 1


@pytest.mark.parametrize("source", SOURCES)
def test_files_are_utf_8_without_a_bom_with_tabs_and_line_feeds(source: Source) -> None:
    files = semantic_model_files(TAXI, source)
    assert {".platform", "definition.pbism", "definition/model.tmdl", "definition/tables/Pulse.tmdl"} <= set(files)
    for path, content in files.items():
        assert not content.startswith(b"\xef\xbb\xbf")
        assert b"\r" not in content
        assert len(content) < LARGEST_FILE, path
        if path.endswith(".tmdl"):
            assert not re.search(rb"^\t* +\t", content, re.MULTILINE), path
            assert not re.search(rb"[ \t]$", content, re.MULTILINE), path
        else:
            json.loads(content)


def test_a_push_template_has_no_model_of_its_own() -> None:
    with pytest.raises(WrongUse, match=r"taxi_tips: source 'push' has no semantic model of its own: give databricks, "):
        semantic_model_files(TAXI, "push")
    dataset = {t["name"] for t in push_dataset(TAXI)["tables"]}
    assert set(fields(TAXI, "push")) == dataset
    assert "Totals" in dataset


def test_names_that_cannot_stand_beside_each_other_are_refused() -> None:
    taken = dataclasses.replace(TAXI, dimensions=(*TAXI.dimensions, Dimension("predictions", "pickup_zone")))
    with pytest.raises(SpecificationError, match=r"dimension 'predictions' would make a table named 'Predictions'"):
        semantic_model(taken, "delta")
    twice = dataclasses.replace(TAXI, measures=(*TAXI.measures, Measure("EVENTS", Count())))
    with pytest.raises(SpecificationError, match=r"name in table Pulse 'events' occurs twice"):
        semantic_model(twice, "delta")


# ---- what is in the model --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
def test_columns_are_those_of_gold_with_their_meaning_and_helpers_are_hidden(source: Source) -> None:
    tables = {t.name: t for t in semantic_model(TAXI, source, SampleRows.none(TAXI)).tables}
    pulse = {c.name: c for c in tables["Pulse"].columns}
    assert [c.name for c in tables["Pulse"].columns if not c.hidden] == ["bucket"]
    assert (pulse["bucket"].data_type, pulse["bucket_no"].data_type) == ("dateTime", "int64")
    assert (pulse["fare_sum"].data_type, pulse["score_sum"].data_type) == ("decimal", "double")
    gold = {c.name: c.description for c in TAXI.pulse_columns}
    assert {n: c.description for n, c in pulse.items()} == {n: gold[n] for n in pulse}
    assert {"query_id", "batch_id"}.isdisjoint(pulse)
    spotlight = {c.name: c.hidden for c in tables["Spotlight"].columns}
    assert spotlight["borough"]
    assert not spotlight["fare"]
    for dimension in TAXI.all_dimensions:
        columns = {c.name: (c.hidden, c.sort_by) for c in tables[dimension.table].columns}
        assert columns == {"key": (True, ""), "label": (False, "order"), "order": (True, "")}
        assert tables[dimension.table].description == dimension.description
    assert ("Predictions" in tables) is (source in ("databricks", "directlake"))
    measures = [(m.name, m.dax, m.format, m.description, m.folder) for m in tables["Pulse"].measures]
    assert measures == [(m.name, m.dax, m.format, m.description, m.folder) for m in model_measures(TAXI, source)]


@pytest.mark.parametrize("source", SOURCES)
def test_every_dimension_filters_every_table_of_facts_and_nothing_filters_cut_offs(source: Source) -> None:
    model = semantic_model(TAXI, source, SampleRows.none(TAXI))
    facts = [t.name for t in model.tables if t.name in ("Pulse", "Spotlight", "Predictions")]
    found = {(r.table, r.column, r.to_table, r.to_column) for r in model.relationships}
    assert found == {(fact, d.name, d.table, "key") for fact in facts for d in TAXI.all_dimensions}
    without = dataclasses.replace(TAXI, model=with_cut_offs(TAXI), pages=())
    assert "Cut Off" not in {t.name for t in semantic_model(without, source, SampleRows.none(TAXI)).tables}


def test_rows_come_from_where_the_source_says() -> None:
    def partitions(source: Source) -> dict[str, Any]:
        return {t.name: t.partition for t in semantic_model(TAXI, source, SampleRows.none(TAXI)).tables}

    lake = partitions("directlake")
    assert lake["Pulse"] == EntityPartition("pulse", "taxi_tips", "OneLake")
    assert lake["Score Band"] == EntityPartition("score_band", "taxi_tips", "OneLake")
    assert isinstance(lake["Cut Off"], CalculatedPartition)
    for source, mode in (("databricks", "directQuery"), ("delta", "import"), ("sample", "import")):
        found = partitions(source)  # type: ignore[arg-type]
        assert {t: p.mode for t, p in found.items() if t != "Cut Off"} == dict.fromkeys(set(found) - {"Cut Off"}, mode)
        assert found["Cut Off"].mode == "import"
    assert '{[Name = "score_band", Kind = "Table"]}[Data]' in partitions("databricks")["Score Band"].m
    delta = partitions("delta")["Pulse"]
    assert isinstance(delta, MPartition)
    assert 'DeltaLake.Table(Gold{[Name = "pulse"]}[Content])' in delta.m
    # Or else a refresh would take UTC for the local time of whoever refreshes.
    assert '{"bucket", Utc}' in delta.m


def test_parameters_say_what_to_put_into_them() -> None:
    wanted: dict[Source, list[str]] = {
        "databricks": ["Host", "HttpPath", "Catalog", "Schema"],
        "directlake": ["OneLake"],
        "delta": ["Url", "LocalFolder", "Gold"],
        "sample": [],
    }
    for source, names in wanted.items():
        found = semantic_model(TAXI, source, SampleRows.none(TAXI)).expressions
        assert [e.name for e in found] == names
        assert all(e.description for e in found)
        for parameter in (e for e in found if e.result == "Text"):
            assert re.search(r'" meta \[IsParameterQuery=true, Type="Text", IsParameterQueryRequired=', parameter.m)


# ---- a sample's rows -------------------------------------------------------------------------------------------------


def test_the_rows_of_a_sample_are_in_its_texts(rows: SampleRows) -> None:
    files = texts(TAXI, "sample")
    for table, wanted in (
        ("Pulse", rows.pulse),
        ("Spotlight", rows.spotlight),
        ("Borough", rows.dimensions["borough"]),
    ):
        text = files[f"definition/tables/{table}.tmdl"]
        (packed,) = re.findall(r'Binary\.FromText\("([^"]+)", BinaryEncoding\.Base64\)', text)
        unpacked = json.loads(zlib.decompress(base64.b64decode(packed), -zlib.MAX_WBITS))
        (names,) = re.findall(r"Table\.FromRows\(Unpacked, \{([^}]*)\}\)", text)
        columns = json.loads(f"[{names}]")
        assert len(unpacked) == len(wanted) > 0
        for found, row in zip(unpacked, wanted, strict=True):
            for name, value in zip(columns, found, strict=True):
                shown = row[name].isoformat() if isinstance(row[name], datetime) else row[name]
                assert value == shown or float(value) == float(shown), name
    assert SAMPLE_NOTE in files["definition/tables/Pulse.tmdl"]
    assert SAMPLE_NOTE in files["definition/tables/Spotlight.tmdl"]


def test_the_rows_of_a_sample_are_what_gold_would_have(rows: SampleRows) -> None:
    assert 1_000 < len(rows.pulse) <= 3_000
    names = [c.name for c in TAXI.pulse_columns if c.name not in ("query_id", "batch_id")]
    assert all(set(row) == set(names) for row in rows.pulse)
    for dimension in TAXI.all_dimensions:
        keys = [row["key"] for row in rows.dimensions[dimension.name]]
        assert keys[-2:] == ["other", "unknown"]
        assert {row[dimension.name] for row in (*rows.pulse, *rows.spotlight)} <= set(keys)
    assert [r["key"] for r in rows.dimensions["score_band"]] == [*SCORE_BANDS, "other", "unknown"]
    assert [r["key"] for r in rows.dimensions["model_version"]][:2] == ["1", "2"]
    keys_of_pulse = Counter((r["bucket_no"], *(r[d.name] for d in TAXI.all_dimensions)) for r in rows.pulse)
    assert keys_of_pulse.most_common(1)[0][1] <= 2  # an event of nothing known, and rejected ones
    for row in rows.pulse:
        assert row["bucket"] == datetime.fromtimestamp(row["bucket_no"] * 10, UTC).replace(tzinfo=None)
        assert row["tp"] + row["fp"] + row["tn"] + row["fn"] + row["unknown"] == row["events"]
        if row["events"]:
            low = int(row["score_band"].split("-")[0]) / 100
            assert low * row["events"] - 1e-9 <= row["score_sum"] <= (low + 0.1) * row["events"] + 1e-9
        else:
            assert row["rejected"] > 0
            assert {row[d.name] for d in TAXI.all_dimensions} == {"unknown"}
    assert all(row["severity"] >= 10 for row in rows.spotlight)


def test_a_sample_has_something_to_see(rows: SampleRows) -> None:
    first = min(r["bucket_no"] for r in rows.pulse)

    def accuracy(version: str) -> float:
        own = [r for r in rows.pulse if r["model_version"] == version]
        known = sum(r[c] for r in own for c in ("tp", "fp", "tn", "fn"))
        return sum(r["tp"] + r["tn"] for r in own) / known

    def trips(borough: str, begin: int, end: int) -> int:
        own = [r for r in rows.pulse if r["borough"] == borough and begin <= r["bucket_no"] - first < end]
        return sum(r["events"] for r in own)

    assert 0.66 < accuracy("1") < 0.8
    assert accuracy("2") < accuracy("1") - 0.04
    # The last sixth of 180 buckets, against the sixth before it.
    assert trips("Queens", 150, 180) < trips("Queens", 120, 150) / 2
    assert trips("Manhattan", 150, 180) > trips("Manhattan", 120, 150) / 2
    assert sum(r["rejected"] for r in rows.pulse) > 20


def test_sql_that_only_spark_knows_is_named() -> None:
    odd = dataclasses.replace(TAXI.derived[0], sql="soundex_of_spark(payment)", type="string", name="odd")
    case = dataclasses.replace(TAXI, derived=(*TAXI.derived, odd))
    with pytest.raises(SpecificationError, match=r"taxi_tips: derived column odd: a sample cannot be made"):
        sample_rows(case, 20)


@given(st.binary(max_size=400) | st.lists(st.sampled_from([b"ab", b"abc", b"x" * 300, b"\0"])).map(b"".join))
def test_what_is_deflated_inflates_to_the_same(data: bytes) -> None:
    assert zlib.decompress(deflate(data), -zlib.MAX_WBITS) == data


def test_what_is_deflated_reaches_far_back() -> None:
    noise = bytes((i * i // 7) % 251 for i in range(40_000))
    data = noise + noise[:1_000] + noise[-33_000:] + bytes(70_000)
    packed = deflate(data)
    assert zlib.decompress(packed, -zlib.MAX_WBITS) == data
    assert len(packed) < len(data) / 2


def test_functions_that_count_days_or_turn_clocks_mean_what_spark_means() -> None:
    wanted = {
        "weekday(TIMESTAMP'2026-05-04 12:00:00')": 0,  # a Monday
        "dayofweek(TIMESTAMP'2026-05-04 12:00:00')": 2,
        "hour(from_utc_timestamp(TIMESTAMP'2026-05-04 17:00:00', 'America/New_York'))": 13,
        "hour(to_utc_timestamp(TIMESTAMP'2026-05-04 13:00:00', 'America/New_York'))": 17,
    }
    with database() as db:
        prepare(db)
        for spark, value in wanted.items():
            assert db.execute(f"SELECT {for_duckdb(spark)}").fetchone() == (value,), spark
