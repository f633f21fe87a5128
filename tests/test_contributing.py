"""CONTRIBUTING.md says what is so: its use case is one, its commands take their options, what it names is there."""

from __future__ import annotations

import datetime as dt
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from livegold.reporting.cli import main
from livegold.reporting.specification import load_use_case

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
(USE_CASE,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
BLOCKS = "\n".join(re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL))
COMMANDS = [shlex.split(line, comments=True)[1:] for line in re.findall(r"^livegold .*$", BLOCKS, re.MULTILINE)]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

Livegold = Callable[..., tuple[int, str, str]]


@pytest.fixture
def livegold(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Livegold:
    """Runs a command line in a folder that holds the use case of the page; exit code, standard output and error."""
    (tmp_path / "late_parcels.py").write_text(USE_CASE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        out, err = capfd.readouterr()
        return code, out, err

    return run


def test_the_template_of_the_use_case_on_the_page_passes_its_checks(livegold: Livegold) -> None:
    (command,) = [words for words in COMMANDS if words[:2] == ["report", "late_parcels.py"]]
    code, out, err = livegold(*command)
    assert (code, err) == (0, "")
    assert {"fields", "references", "names", "layout"} <= {
        line.split()[0] for line in out.splitlines() if line.endswith("passed")
    }


def test_a_visual_is_added_as_the_page_says(livegold: Livegold, tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```py\n(.*?)```", TEXT, re.DOTALL)
    imports, pages = snippet.split("\n\n")
    future = "from __future__ import annotations\n"
    with_page = USE_CASE.replace(future, f"{future}\n{imports}\n").replace("    generator=", f"{pages}    generator=")
    (tmp_path / "late_parcels.py").write_text(with_page, encoding="utf-8")
    shutil.copy(ROOT / "tests" / "dashboards" / "gauge.py", tmp_path)
    (command,) = [words for words in COMMANDS if words[:2] == ["report", "late_parcels.py"]]
    code, _, err = livegold(*command)
    assert (code, err) == (0, "")
    made = [p.read_text(encoding="utf-8") for p in (tmp_path / "late-parcels").rglob("visual.json")]
    assert [text for text in made if '"visualType": "gauge"' in text]


def test_its_made_up_history_teaches_a_model_and_is_the_same_for_the_same_seed(livegold: Livegold) -> None:
    case = load_use_case("late_parcels.py")
    assert case.history is not None
    end = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    events = list(case.history(1, 500, end))
    assert events == list(case.history(1, 500, end))
    rows = [json.loads(value) for _, value in events]
    assert {row.keys() == {f.name for f in case.fields} for row in rows} == {True}
    late = [row["kilometers"] for row in rows if row["was_late"]]
    in_time = [row["kilometers"] for row in rows if not row["was_late"]]
    assert sum(late) / len(late) > 1.2 * sum(in_time) / len(in_time)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_livegold_command_on_the_page_is_one_and_takes_its_options(words: list[str]) -> None:
    if words == ["--version"]:
        return
    with click.Context(main.livegold) as context:
        command = main.livegold.get_command(context, words[0])
        assert command is not None, words[0]
        command.make_context(words[0], words[1:])


def test_every_make_target_and_file_on_the_page_is_there() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", BLOCKS, re.MULTILINE)) == {"setup", "demo", "lint", "unit", "test"}
    assert {"setup", "demo", "lint", "unit", "test"} <= targets
    named = re.findall(r"\]\(([^)#]+)[^)]*\)", TEXT) + re.findall(r"`((?:\.|\w)[\w./]*/[\w./]*)`", TEXT)
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists() and name != ".livegold/"] == []


def test_the_version_is_that_of_the_project_file(livegold: Livegold) -> None:
    assert livegold("--version") == (0, f"livegold {PROJECT['version']}\n", "")


def test_the_licence_is_the_one_that_the_project_file_names() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert [line.strip() for line in text.splitlines() if line.strip()][:2] == [
        "Apache License",
        "Version 2.0, January 2004",
    ]


def test_public_ci_runs_what_a_person_runs() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"- run: (.*)", workflow) == [".ci/run"]
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("make test")
