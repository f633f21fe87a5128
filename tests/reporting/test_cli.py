"""The command line's front: help, and errors that are one line. No command gets so far as to start anything."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from livegold.reporting.cli import main
from livegold.reporting.cli.redaction import redacted

Livegold = Callable[..., tuple[int, str, str]]

HEAVY = ("pyspark", "mlflow", "duckdb", "deltalake", "confluent_kafka", "pyarrow", "pandas", "uvicorn", "rich")


@pytest.fixture
def livegold(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Livegold:
    """Runs a command line on an empty home; exit code, standard output and standard error."""
    monkeypatch.setenv("LIVEGOLD_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        out, err = capfd.readouterr()
        return code, out, err

    return run


def one_line(err: str) -> str:
    assert err.startswith("livegold: ")
    assert err.count("\n") == 1
    return err.removeprefix("livegold: ").strip()


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, livegold.reporting.cli.main as m; m.run(['--help']); "
    code += f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_command_that_is_there(livegold: Livegold) -> None:
    code, out, err = livegold("--help")
    assert (code, err) == (0, "")
    for command, entry in main.COMMANDS.items():
        assert re.search(rf"^  {command} +{re.escape(entry.help[:30])}", out, re.MULTILINE), command


@pytest.mark.parametrize("command", [c for c in main.COMMANDS if c != "bench"])
def test_every_command_has_help_of_its_own(livegold: Livegold, command: str) -> None:
    code, out, _ = livegold(command, "--help")
    assert code == 0
    assert out.startswith(f"Usage: livegold {command}")


def test_a_command_that_is_not_there_is_answered_with_those_that_are(livegold: Livegold) -> None:
    code, _, err = livegold("fly")
    assert code == 2
    assert "'fly'" in one_line(err)
    assert "demo" in err


@pytest.mark.parametrize("command", [("publish",), ("train",), ("run", "--switch", "batch"), ("status",), ("demo",)])
def test_an_unknown_use_case_is_answered_with_the_shipped_ones(livegold: Livegold, command: tuple[str, ...]) -> None:
    code, out, err = livegold(*command, "taxi_tipps")
    assert (code, out) == (2, "")
    assert "'taxi_tipps'" in one_line(err)
    assert "taxi_tips" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "taxi_tips", "--switch", "sometimes"), "'sometimes' is not known: give batch or stream"),
        (("run", "taxi_tips", "--switch", "realtime"), "'realtime' is not there yet"),
        (("demo", "taxi_tips", "--switch", "realtime"), "'realtime' is not there yet"),
        (("run", "taxi_tips", "--switch", "stream", "--from", "raw"), "give switch batch"),
        (
            ("run", "taxi_tips", "--switch", "batch", "--sink", "database"),
            "'database' is not there yet: give eventstream or powerbi",
        ),
        (("run", "taxi_tips", "--switch", "batch", "--sink", "fax"), "'fax' is not known: give eventstream or powerbi"),
        (("run", "taxi_tips"), "--switch"),
        (("publish", "taxi_tips", "--events", "nowhere.csv"), "nowhere.csv does not exist"),
        (("publish", "taxi_tips", "--loop"), "loop requires a file"),
        (("demo", "taxi_tips", "--events", "nowhere.csv"), "nowhere.csv does not exist"),
        (("demo", "taxi_tips", "--minutes", "0"), "--minutes"),
        (("train", "taxi_tips", "--events", "a.csv", "--from-raw"), "not both"),
        (("train", "taxi_tips", "--events", "nowhere.csv"), "nowhere.csv does not exist"),
        (("broker", "--port", "99999"), "--port"),
    ],
)
def test_wrong_use_is_refused_in_one_line_with_exit_code_2(
    livegold: Livegold, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = livegold(*arguments)
    assert (code, out) == (2, "")
    assert said in one_line(err)


def test_an_unknown_setting_is_refused_with_the_nearest(livegold: Livegold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEGOLD_HUB_SERVER", "x:1")
    code, _, err = livegold("status")
    assert code == 2
    assert "LIVEGOLD_HUB_SERVERS" in one_line(err)


def test_a_home_on_which_nothing_has_run_says_so(livegold: Livegold) -> None:
    code, _, err = livegold("status")
    assert code == 1
    assert "livegold run" in one_line(err)
    assert livegold("status", "--json")[:2] == (0, "{}\n")


def test_a_defect_is_one_line_and_debug_shows_its_trace(livegold: Livegold, tmp_path: Path) -> None:
    (tmp_path / "home" / "status" / "taxi_tips.json").mkdir(parents=True)
    code, _, err = livegold("status")
    assert code == 1
    assert "this is a defect in livegold: IsADirectoryError" in one_line(err)
    assert "--debug" in err
    code, _, err = livegold("status", "--debug")
    assert code == 1
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("livegold: this is a defect")


def test_a_secret_is_in_no_message_and_no_trace(livegold: Livegold, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = "Endpoint=sb://x;SharedAccessKeyName=n;SharedAccessKey=aGlkZGVu="
    monkeypatch.setenv("LIVEGOLD_HUB_CONNECTION_STRING", connection)
    monkeypatch.setenv("LIVEGOLD_POWERBI_CLIENT_SECRET", "s3cret")
    assert redacted(f"tried {connection} with s3cret") == "tried *** with ***"
    assert redacted("the key was aGlkZGVu=") == "the key was ***"
    for debug in ((), ("--debug",)):
        _, _, err = livegold("publish", "s3cret", *debug)
        assert "'***'" in err
        assert "s3cret" not in err


def test_a_secret_in_the_file_is_refused_without_being_shown(livegold: Livegold, tmp_path: Path) -> None:
    (tmp_path / "livegold.toml").write_text('[powerbi]\nclient_secret = "s3cret"\n')
    code, _, err = livegold("status")
    assert code == 2
    assert "LIVEGOLD_POWERBI_CLIENT_SECRET" in one_line(err)
    assert "s3cret" not in err
