"""Whole templates: those in the repository are what the use case gives, pass every check, and are written with care."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from livegold import dashboards
from livegold.dashboards.checks import check_all
from livegold.dashboards.placeholders import NO_ID
from livegold.dashboards.template import template_files, write_template
from livegold.reporting.cli import main
from livegold.reporting.errors import WrongUse
from livegold.reporting.semantic.model import SOURCES, Source
from livegold.reporting.specification import load_use_case

CASE = load_use_case("taxi_tips")
SHIPPED = Path(dashboards.__file__).parent / CASE.name
PAGE = Path(__file__).parents[2] / "docs" / "templates.md"
AN_ID = "11111111-2222-3333-4444-555555555555"

Livegold = Callable[..., tuple[int, str, str]]


@pytest.fixture
def livegold(capfd: pytest.CaptureFixture[str]) -> Livegold:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        out, err = capfd.readouterr()
        return code, out, err

    return run


def in_folder(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# What is shipped.


@pytest.mark.parametrize("source", SOURCES)
def test_the_template_in_the_repository_is_the_one_that_the_use_case_gives(source: Source) -> None:
    made, shipped = template_files(CASE, source), in_folder(SHIPPED / source)
    advice = f"run `python -m livegold.dashboards.template {CASE.name} {source} dashboards/{CASE.name}/{source}`"
    assert made.keys() == shipped.keys(), advice
    assert [p for p in made if made[p] != shipped[p]] == [], advice


def test_every_shipped_template_passes_every_check() -> None:
    found = check_all([SHIPPED / source for source in SOURCES])
    assert found.keys() == {SHIPPED / source for source in SOURCES}
    assert [(str(folder), str(f)) for folder, all_ in found.items() for f in all_ if f.state == "failed"] == []
    for folder, findings in found.items():
        passed = {f.check for f in findings if f.state == "passed"}
        assert {"references", "names", "layout"} <= passed, folder
        # The fields of a model of its own are known where Microsoft's parser is.
        assert ("fields" in passed) is (folder.name == "push" or "model parser" in passed), folder


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_use_case_and_source_give_the_same_bytes(source: Source) -> None:
    assert template_files(CASE, source) == template_files(load_use_case("taxi_tips"), source)


def test_the_report_differs_between_sources_by_its_model_and_its_refresh_alone() -> None:
    of_sample, of_databricks = ({**template_files(CASE, s)} for s in ("sample", "databricks"))
    differing = {
        p for p, data in of_sample.items() if ".Report/" in p and data != of_databricks[p] and "page.json" not in p
    }
    assert differing == set()


# What is left open.


def connection(files: dict[str, bytes]) -> str:
    pbir = json.loads(files["Taxi Tips.Report/definition.pbir"])
    return str(pbir["datasetReference"]["byConnection"]["connectionString"])


def test_a_push_report_is_connected_to_the_workspace_and_dataset_that_are_given(tmp_path: Path) -> None:
    assert NO_ID in connection(template_files(CASE, "push"))
    write_template(CASE, "push", tmp_path / "made", {"Workspace": "Ops, live", "DatasetId": AN_ID})
    text = connection(in_folder(tmp_path / "made"))
    assert text.startswith("Data Source=powerbi://api.powerbi.com/v1.0/myorg/Ops, live;initial catalog=Taxi Tips Push;")
    assert text.endswith(f";semanticmodelid={AN_ID}")


def test_parameters_of_a_model_are_set_as_texts_of_m(tmp_path: Path) -> None:
    write_template(CASE, "databricks", tmp_path / "made", {"Host": 'a"b', "HttpPath": "/sql/#(lf)"})
    text = (tmp_path / "made/Taxi Tips.SemanticModel/definition/expressions.tmdl").read_text()
    assert 'expression Host = "a""b" meta [IsParameterQuery=true' in text
    assert 'expression HttpPath = "/sql/#(#)(lf)" meta [IsParameterQuery=true' in text


def test_a_lakehouse_is_named_by_its_ids(tmp_path: Path) -> None:
    write_template(CASE, "directlake", tmp_path / "made", {"WorkspaceId": AN_ID})
    text = (tmp_path / "made/Taxi Tips.SemanticModel/definition/expressions.tmdl").read_text()
    assert f"https://onelake.dfs.fabric.microsoft.com/{AN_ID}/{NO_ID}" in text


# Writing.


def test_a_folder_with_anything_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(WrongUse, match="'notes.txt'"):
        write_template(CASE, "push", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]
    other = tmp_path / "other"
    (other / "Taxi Tips.Report").mkdir(parents=True)
    (other / "Taxi Tips.Report" / ".platform").write_text('{"config": {"logicalId": "another"}}')
    with pytest.raises(WrongUse, match="no part of taxi_tips's template"):
        write_template(CASE, "push", other)


def test_a_template_is_replaced_by_that_of_another_source_and_what_desktop_keeps_stays(tmp_path: Path) -> None:
    write_template(CASE, "delta", tmp_path)
    (tmp_path / "Taxi Tips.Report" / ".pbi").mkdir()
    (tmp_path / "Taxi Tips.Report" / ".pbi" / "localSettings.json").write_text("{}")
    (tmp_path / ".gitignore").write_text("**/.pbi/cache.abf\n")
    write_template(CASE, "push", tmp_path)
    written = in_folder(tmp_path)
    assert written.pop("Taxi Tips.Report/.pbi/localSettings.json") == b"{}"
    del written[".gitignore"]
    assert written == template_files(CASE, "push")


# The command.


def test_the_command_writes_a_template_and_says_how_each_check_went(livegold: Livegold, tmp_path: Path) -> None:
    code, out, err = livegold("report", "taxi_tips", "--source", "sample", "--out", str(tmp_path / "made"), "--check")
    assert (code, err) == (0, "")
    said = [line.split() for line in out.splitlines()]
    assert said[0][-2:] == [f"{tmp_path}/made/Taxi", "Tips.pbip"]
    assert {("names", "passed"), ("layout", "passed")} <= {(line[0], line[1]) for line in said[1:]}


def test_the_commands_of_the_page_fill_in_where_the_rows_are(
    livegold: Livegold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    commands = [shlex.split(line)[1:] for line in block.splitlines()]
    monkeypatch.chdir(tmp_path)
    written = []
    for arguments in commands:
        assert livegold(*arguments)[::2] == (0, "")
        written.append(b"".join(in_folder(tmp_path / "DIR").values()).decode("utf-8", "replace"))
    databricks, push = written
    assert "adb-1.2.azuredatabricks.net" in databricks
    assert "/sql/1.0/warehouses/abc" in databricks
    assert AN_ID in push
    assert "Operations" in push


def test_a_check_that_fails_ends_the_command_with_1(
    livegold: Livegold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import dataclasses\n"
        "from livegold.reporting.blocks import Full, Header\n"
        "from livegold.reporting.specification import Page, Row\n"
        "from livegold.reporting.usecases.taxi_tips import USECASE as CASE\n"
        "field = {'Measure': {'Expression': {'SourceRef': {'Entity': 'Pulse'}}, 'Property': 'Trisp'}}\n"
        "shown = {'projections': [{'field': field, 'queryRef': 'Pulse.Trisp', 'nativeQueryRef': 'Trisp'}]}\n"
        "card = {'visualType': 'cardVisual', 'query': {'queryState': {'Data': shown}}}\n"
        "page = Page('One', (Row((Header(),)), Row((Full(card),))))\n"
        "USECASE = dataclasses.replace(CASE, pages=(page,))\n"
    )
    code, out, err = livegold("report", str(wrong), "--source", "push", "--out", str(tmp_path / "made"), "--check")
    assert code == 1
    assert err == f"livegold: {tmp_path}/made: 1 problems, in fields\n"
    assert "Trisp" in next(line for line in out.splitlines() if line.startswith("fields"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--source", "pus", "--out", "new"), "'pus' is not one of 'push', 'databricks'"),
        (("--source", "push"), "Missing option '--out'"),
        (("--source", "push", "--out", "taken"), "taken has 'notes.txt', which is no part of taxi_tips's template"),
        (("--source", "push", "--out", "new", "--set", "Host=a"), "give Workspace or DatasetId"),
        (("--source", "push", "--out", "new", "--set", "Host"), "--set Host: give NAME=VALUE"),
        (("--source", "push", "--out", "new", "--set", "DatasetId=7"), "give an id such as"),
        (("--source", "sample", "--out", "new", "--set", "Host=a"), "it has no placeholders"),
    ],
)
def test_wrong_use_is_refused_in_one_line_and_nothing_is_written(
    livegold: Livegold, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    code, _, err = livegold("report", "taxi_tips", *arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert said in err
    assert [p.name for p in tmp_path.rglob("*")] == ["taken", "notes.txt"]
