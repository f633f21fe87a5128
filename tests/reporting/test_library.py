"""`import livegold`: the public names, light to import, and refusals before anything starts."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import livegold as lg
from livegold.reporting.usecases.taxi_tips import USECASE

ROOT = Path(__file__).parents[2]
HEAVY = ("pyspark", "delta", "mlflow", "duckdb", "deltalake", "confluent_kafka", "pyarrow", "pandas")

# What others build on. A name that is added needs a line in docs/library.md; one that is renamed or taken away breaks
# their files and notebooks, and so needs a line in CHANGELOG.md and a version that says so.
NAMES = """
    AllTime Ambiguous AtCutOff Binary ByBucket Chart Check CheckFailed ConfusionMatrix Count CountIf CountOf
    CutOffSlider Derived Dimension Enhanced Estimator Exceptions Feature Field Full GivenTokens Header LivegoldError Max
    Measure Min Model NotFound Page PowerBIClient Ranking Ratio RefreshObject RefreshRun Refreshes Refused
    Regression Rejected Row Run ScikitLearn SecondWriter ServiceUnavailable Session Settings SettingsError
    Slicer SparkML SpecificationError Spotlight State Sum Terminal Throttled Tile TimeRange TrailingWindow
    Transient Trend Unauthorized UseCase WrittenTemplate WrongUse __version__ backfill count_and_sums
    execute_query load mean publish push_url_rows reconcile report run settings sql sqrt status train
"""
PUBLIC = NAMES.split()


def test_the_public_names_are_these() -> None:
    assert sorted(lg.__all__) == sorted(PUBLIC)
    assert [name for name in lg.__all__ if getattr(lg, name, None) is None] == []
    assert set(dir(lg)) == set(PUBLIC)


def test_type_checkers_see_every_public_name_in_the_place_it_is_taken_from() -> None:
    tree = ast.parse((ROOT / "livegold" / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = (n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    imports = [n for n in checked.body if isinstance(n, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert sorted({*seen, "__version__"}) == sorted(PUBLIC)
    assert [
        name for name, module in seen.items() if getattr(sys.modules[str(module)], name) is not getattr(lg, name)
    ] == []


def test_every_public_name_is_told_of_in_the_documentation() -> None:
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    assert [name for name in PUBLIC if f"`{name}`" not in text] == []


def test_importing_livegold_and_using_its_names_imports_nothing_heavy() -> None:
    code = (
        "import sys, time; before = time.perf_counter(); import livegold as lg; took = time.perf_counter() - before;"
        f"heavy = lambda: sorted(set({HEAVY!r}) & set(sys.modules)); print(took < 0.5, heavy());"
        "[getattr(lg, name) for name in lg.__all__]; print(heavy())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["True []", "[]", ""]


def test_a_name_that_is_not_public_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'livegold' has no attribute 'spark_session'"):
        _ = lg.spark_session  # type: ignore[attr-defined]


def test_the_version_is_that_of_the_project() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert lg.__version__ == project["version"]


def test_a_use_case_is_given_as_itself_by_name_and_by_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from livegold.reporting.usecases.taxi_tips import USECASE\n")
    assert [lg.load(given).name for given in (USECASE, "taxi_tips", file, str(file))] == ["taxi_tips"] * 4
    assert lg.load(USECASE) is USECASE


def test_settings_given_by_keyword_win_over_the_environment_and_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEGOLD_STREAM_TRIGGER_SECONDS", "7")
    monkeypatch.setenv("LIVEGOLD_HUB_TOPIC", "trips")
    found = lg.settings(home=tmp_path / "state", stream__trigger_seconds=0.5, powerbi__client_secret="of a notebook")
    assert (found.home, found["stream.trigger_seconds"], found["hub.topic"]) == (tmp_path / "state", "0.5", "trips")
    assert found.secret("powerbi.client_secret") == "of a notebook"
    assert "of a notebook" not in repr(found)
    with pytest.raises(lg.SettingsError, match=r"hub.server is not a setting: did you mean hub\.servers"):
        lg.settings(hub__server="x:1")
    with pytest.raises(lg.SettingsError, match="'pigeon': give 'kafka', 'eventhubs' or 'folder'"):
        lg.settings(hub__kind="pigeon")


def test_a_run_that_cannot_be_is_refused_before_spark_starts(tmp_path: Path) -> None:
    settings = lg.settings(home=tmp_path)
    with pytest.raises(lg.SpecificationError, match="'taxis' is not known"):
        lg.run("taxis", switch="batch", settings=settings)
    with pytest.raises(lg.WrongUse, match="sink 'fax' is not known"):
        lg.run(USECASE, switch="batch", sinks="fax", settings=settings)
    with pytest.raises(lg.WrongUse, match="switch 'hourly' is not known"):
        lg.run(USECASE, switch="hourly", settings=settings)  # type: ignore[arg-type]
    with pytest.raises(lg.WrongUse, match="give switch batch"):
        lg.run(USECASE, switch="stream", source="raw", settings=settings)
    with pytest.raises(lg.WrongUse, match="source 'tape' is not known: give hub or raw"):
        lg.run(USECASE, switch="batch", source="tape", settings=settings)  # type: ignore[arg-type]
    with pytest.raises(lg.SettingsError, match=r"hub\.folder is not set"):
        lg.run(USECASE, switch="batch", settings=lg.settings(home=tmp_path, hub__kind="folder"))
    assert list(tmp_path.iterdir()) == []


def test_a_training_and_a_publication_that_cannot_be_are_refused_before_anything_starts(tmp_path: Path) -> None:
    settings = lg.settings(home=tmp_path)
    with pytest.raises(lg.WrongUse, match="either a file of events or raw"):
        lg.train(USECASE, events="a.csv", from_raw=True, settings=settings)
    with pytest.raises(lg.WrongUse, match=r"nowhere\.csv does not exist"):
        lg.train(USECASE, events="nowhere.csv", settings=settings)
    with pytest.raises(lg.WrongUse, match=r"nowhere\.csv does not exist"):
        lg.publish(USECASE, events="nowhere.csv", settings=settings)
    with pytest.raises(lg.WrongUse, match="loop requires a file"):
        lg.publish(USECASE, loop=True, settings=settings)
    assert list(tmp_path.iterdir()) == []


def test_a_backfill_without_gold_is_refused_before_spark_starts(tmp_path: Path) -> None:
    settings = lg.settings(home=tmp_path, eventstream__servers="127.0.0.1:9", eventstream__topic="rows")
    with pytest.raises(lg.NotFound, match="use case taxi_tips has no gold in .*: `livegold run` creates it"):
        lg.backfill(USECASE, sink="eventstream", settings=settings)
    assert list(tmp_path.iterdir()) == []


def test_rows_are_given_as_pandas_or_arrow_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(lg.WrongUse, match="to is 'polars': give pandas or arrow"):
        lg.sql("select 1", to="polars", settings=lg.settings(home=tmp_path))  # type: ignore[call-overload]


def test_a_use_case_that_has_not_run_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(lg.NotFound, match="taxi_tips has not run on"):
        lg.status("taxi_tips", settings=lg.settings(home=tmp_path))


def test_a_report_is_written_where_it_is_told(tmp_path: Path) -> None:
    written = lg.report("taxi_tips", "push", tmp_path / "report")
    assert written.project == tmp_path / "report" / "Taxi Tips.pbip"
    assert sorted(written.files) == sorted(p for p in (tmp_path / "report").rglob("*") if p.is_file())
    assert (written.findings, written.ok) == ((), True)


def test_a_checked_report_gives_back_what_is_wrong_with_it(tmp_path: Path) -> None:
    good = lg.report("taxi_tips", "push", tmp_path / "good", check=True)
    assert "passed" in {finding.state for finding in good.findings}
    assert (good.problems, good.ok) == ((), True)
    field = {"Column": {"Expression": {"SourceRef": {"Entity": "Nowhere"}}, "Property": "fare"}}
    values = {"projections": [{"field": field, "queryRef": "Nowhere.fare"}]}
    card = lg.Full({"visualType": "card", "query": {"queryState": {"Values": values}}})
    case = replace(USECASE, pages=(lg.Page("Fares", (lg.Row((card,)),)),))
    bad = lg.report(case, "push", tmp_path / "bad", check=True)
    assert not bad.ok
    assert "Nowhere" in " ".join(finding.problem for finding in bad.problems)


def test_a_report_from_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(lg.WrongUse, match="source 'excel' is not known: give push"):
        lg.report("taxi_tips", "excel", tmp_path / "other")  # type: ignore[arg-type]
