"""A sink that a package brings is run, resumed, inspected and checked like livegold's own; a wrong one is named."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from livegold.reporting.cli.redaction import redacted
from livegold.reporting.errors import SettingsError, SpecificationError, WrongUse
from livegold.reporting.findings import OK
from livegold.reporting.settings import Settings, load, secret_variables
from livegold.reporting.sinks import (
    CUT_MARK,
    FeedBatch,
    Sink,
    check_sink_names,
    inspector_of,
    make_sinks,
    sink_classes,
    sink_names,
)
from livegold.reporting.sinks.state import SinkState
from powerbi_cases import CASE, Crash, batch, pulse_row, spot_row

NO_FILE = Path("none")
# The whole of a new sink: this file, and the line in a package's metadata that names it.
FAX = '''
"""Appends rows to a file, as text: stands for any destination."""

import json
from pathlib import Path

from livegold.reporting.findings import OK, Finding
from livegold.reporting.settings import Setting
from livegold.reporting.sinks import CUT, SENT, OutboxSink, Ranges


class FaxSink(OutboxSink):
    name = "fax"
    settings = (
        Setting("fax.paper", "", "file that rows are appended to"),
        Setting("fax.code", "", "who sends", secret=True),
    )
    needs = frozenset({"pulse", "predictions"})
    ranges = Ranges(characters=12)
    max_rows = 2
    after_sending = staticmethod(lambda: None)

    @classmethod
    def from_settings(cls, settings, case):
        sink = cls(case, cls.folder(settings, case))
        sink.paper = Path(settings["fax.paper"])
        return sink

    @classmethod
    def checks(cls, settings, case):
        yield Finding("fax", "paper", OK, settings["fax.paper"])

    def _encode(self, table, rows, counts):
        return "".join(json.dumps([table, row], default=str) + "\\n" for row in rows).encode()

    def _limit(self, planned):
        planned.keep_newest_pulse(3)

    def _send(self, chunk):
        with self.paper.open("ab") as paper:
            paper.write(chunk.body)
        self.after_sending()
        return SENT
'''


@pytest.fixture(autouse=True)
def _paths() -> Iterator[None]:
    before, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = before
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def installed(folder: Path, package: str, entries: str, source: str = "") -> None:
    """A package, as the import system sees one that is installed."""
    folder.mkdir(exist_ok=True)
    if source:
        (folder / f"{package}.py").write_text(source)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[livegold.sinks]\n{entries}\n")
    sys.path.insert(0, str(folder))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a home on whose machine the package is installed."""
    installed(tmp_path / "site", "fax", "fax = fax:FaxSink", FAX)
    return load({"LIVEGOLD_FAX_PAPER": str(tmp_path / "paper")}, NO_FILE, home=str(tmp_path / "home"))


def fax(settings: Settings) -> Any:
    return make_sinks(["fax"], settings, CASE)["fax"]


def paper(settings: Settings) -> dict[str, list[dict[str, Any]]]:
    """What has arrived, by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in Path(settings["fax.paper"]).read_text().splitlines():
        table, row = json.loads(line)
        found.setdefault(table, []).append(row)
    return found


def prediction(key: str) -> dict[str, Any]:
    columns = {c.name: None for c in CASE.prediction_columns if c.name not in ("query_id", "batch_id")}
    return columns | {k: v for k, v in spot_row(key, 1.0, note="a note that is long").items() if k in columns}


def full_batch(number: int, keys: str) -> FeedBatch:
    pulse = [pulse_row(number, site, number + 1) for site in ("North", "South")]
    made = replace(batch(number, pulse), spotlight=None)
    return replace(made, predictions=pa.Table.from_pylist([prediction(key) for key in keys]))


def write_three(sink: Any) -> None:
    for number in range(3):
        sink.write(full_batch(number, "abc"))


def test_a_package_brings_a_sink_whose_rows_arrive_within_its_own_limits(settings: Settings) -> None:
    assert sink_names() == ("eventstream", "fax", "powerbi")
    with fax(settings) as sink:
        assert sink.needs == {"pulse", "predictions"}
        sink.write(full_batch(0, "abc"))
        sink.write(full_batch(1, "de"))
        sink.write(full_batch(1, "de"))
        status = sink.status()
    arrived = paper(settings)
    assert list(arrived) == ["Site", "Score Band", "Model Version", "Totals", "Pulse", "Predictions"]
    assert [row["event_id"] for row in arrived["Predictions"]] == list("abcde")
    assert {row["note"] for row in arrived["Predictions"]} == {"a not" + CUT_MARK}
    assert [row["events"] for row in arrived["Pulse"]] == [1, 1, 2, 2]
    assert [row["tick"] for row in arrived["Totals"]] == [1, 1, 2, 2]
    assert (status["state"], status["mode"], status["last_batch"]) == ("running", "at least once", 1)
    assert (status["tables"]["Predictions"]["chunks"], status["strings_cut"]) == (3, 5)


def test_a_limit_of_a_sink_drops_the_oldest_pulse_and_totals_have_all_of_it(settings: Settings) -> None:
    with fax(settings) as sink:
        sink.write(replace(full_batch(0, "a"), pulse=batch(0, [pulse_row(i, "North", 1) for i in range(5)]).pulse))
    arrived = paper(settings)
    assert [row["bucket_no"] for row in arrived["Pulse"]][-1] - arrived["Pulse"][0]["bucket_no"] == 2
    assert [row["events"] for row in arrived["Totals"]] == [5]


@pytest.mark.parametrize("at", range(1, 10))
def test_a_crash_between_sending_and_the_ledger_loses_nothing_and_what_came_twice_is_counted(
    settings: Settings, at: int
) -> None:
    first = fax(settings)
    first.open()
    chunks = count(1)

    def die() -> None:
        if next(chunks) == at:
            raise Crash

    first.after_sending = die
    with pytest.raises(Crash):
        write_three(first)
    first.close()
    with fax(settings) as second:
        assert second.source_id() == "feed-1"
        for number in range(second.status()["last_batch"], 3):
            second.write(full_batch(number, "abc"))
        status = second.status()
    arrived = paper(settings)
    sent_twice = sum(map(len, arrived.values())) - status["rows_delivered"]
    assert 0 < sent_twice == status["rows_maybe_twice"]
    once = {(row["bucket_no"], row["site"]) for row in arrived["Pulse"]}
    assert once == {(r["bucket_no"], r["site"]) for n in range(3) for r in full_batch(n, "a").pulse.to_pylist()}
    newest = [row for row in arrived["Totals"] if row["tick"] == 3]
    assert {row["site"]: row["events"] for row in newest} == {"North": 6, "South": 6}


def test_a_crash_between_enqueueing_and_sending_sends_the_batch_once(settings: Settings) -> None:
    first = fax(settings)
    first.open()
    # What a kill before the first send leaves: everything in the outbox, nothing sent.
    first._take("feed-1")
    first._enqueue(full_batch(0, "abc"))
    first.close()
    assert not Path(settings["fax.paper"]).exists()
    waiting = inspector_of("fax", settings, CASE).status()
    assert (waiting["last_batch"], waiting["rows_delivered"]) == (0, 0)
    assert waiting["outbox_rows"] > 0
    with fax(settings) as second:
        second.write(full_batch(0, "abc"))
        status = second.status()
    assert [row["event_id"] for row in paper(settings)["Predictions"]] == ["a", "b", "c"]
    assert (status["outbox_rows"], status["rows_maybe_twice"]) == (0, 0)
    assert status["rows_delivered"] == waiting["outbox_rows"]


def test_what_it_delivered_is_told_without_opening_it(settings: Settings) -> None:
    inspector = inspector_of("fax", settings, CASE)
    assert not inspector.has_run()
    assert (inspector.status()["state"], inspector.last_batch(), inspector.accepted_of(0).rows) == ("new", None, 0)
    with pytest.raises(WrongUse, match="the fax sink has no state in .*: it has not run yet"):
        inspector.delivered()
    with fax(settings) as sink:
        pulse = full_batch(4, "a").pulse
        assert pulse is not None
        for name, values in (("query_id", ["q", "q"]), ("batch_id", [7, 7])):
            pulse = pulse.append_column(name, pa.array(values))
        sink.write(replace(full_batch(4, "a"), pulse=pulse))
        assert inspector.batch_map("q", 7) == (4, 1)
        assert inspector.batch_map("q", 8) is None
        accepted = inspector.accepted_of(4)
        assert (accepted.rows, accepted.waiting) == (sink.status()["rows_delivered"], 0)
    delivered = inspector.delivered()
    assert (delivered.sums["events"], delivered.tables["Pulse"].rows, delivered.waiting) == (10, 2, 0)
    assert inspector.accepted_sum("events") == 10


def test_the_sink_of_the_documentation_works_as_it_is_printed(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "sinks.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    (entry,) = re.findall(r'^(files) = "(.*)"$', document, re.MULTILINE)
    installed(tmp_path / "site", "my_sinks", " = ".join(entry), source)
    settings = load({}, NO_FILE, home=str(tmp_path / "home"), files__folder=str(tmp_path / "live"))
    with make_sinks(["files"], settings, CASE)["files"] as sink:
        for number in range(2):
            sink.write(batch(number, [pulse_row(number, "North", 3)], [spot_row(f"p{number}", 1.0)]))
        delivered = sink.status()["tables"]
    lines: Counter[str] = Counter()
    for file in (tmp_path / "live").iterdir():
        lines[file.name.partition("-")[0]] += len(file.read_text().splitlines())
    assert lines == {table: figures["rows"] for table, figures in delivered.items()}
    assert lines["Pulse"] == lines["Totals"] == lines["Spotlight"] == 2


def test_its_settings_are_settings_and_its_secret_is_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings["fax.paper"].endswith("paper")
    with pytest.raises(SettingsError, match="LIVEGOLD_FAX_PAPPER is not a setting: did you mean LIVEGOLD_FAX_PAPER"):
        load({"LIVEGOLD_FAX_PAPPER": "x"}, NO_FILE)
    monkeypatch.setenv("LIVEGOLD_FAX_CODE", "wh0-sends")
    assert "LIVEGOLD_FAX_CODE" in secret_variables()
    assert redacted("sent by wh0-sends") == "sent by ***"


def test_the_doctor_asks_it(settings: Settings) -> None:
    found = [f for sink in sink_classes() if sink.name == "fax" for f in sink.checks(settings, None)]
    assert [(f.area, f.verdict, f.found) for f in found] == [("fax", OK, settings["fax.paper"])]


def test_a_batch_without_what_a_sink_needs_is_refused_before_anything_is_enqueued(settings: Settings) -> None:
    with fax(settings) as sink:
        with pytest.raises(SpecificationError, match="batch 0 has no predictions: let the feed give what"):
            sink.write(batch(0, [pulse_row(0, "North", 1)]))
        assert sink.status()["last_batch"] == -1


def test_nothing_is_dropped_that_a_sink_cannot_delete(settings: Settings) -> None:
    with pytest.raises(WrongUse, match="fax: delivered rows cannot be deleted: omit --drop"):
        fax(settings).reset(drop=True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module\nclass FaxSink: ...\n", r"sink fax \(fax:FaxSink\) cannot be loaded: ModuleNotFound"),
        ("class FaxSink: ...\n", r"sink fax \(fax:FaxSink\) is no subclass of OutboxSink: make it one"),
        (FAX.replace('name = "fax"', 'name = "telex"'), r"has a different name: set name = 'fax' on it"),
        (
            FAX.replace('"predictions"})', '"events"})'),
            r"needs \['events', 'pulse'\]: give some of pulse, ",
        ),
        (FAX.replace('"fax.code"', '"telex.code"'), r"declares 'telex.code': give it settings named fax\.\*"),
    ],
)
def test_a_sink_that_cannot_be_is_named_with_what_to_do(tmp_path: Path, source: str, message: str) -> None:
    installed(tmp_path / "site", "fax", "fax = fax:FaxSink", source)
    with pytest.raises(WrongUse, match=message):
        make_sinks(["fax"], load({}, NO_FILE, home=str(tmp_path)), CASE)
    # A secret of livegold's own is redacted all the same.
    assert "LIVEGOLD_POWERBI_CLIENT_SECRET" in secret_variables()


def test_two_packages_with_one_name_are_told(tmp_path: Path) -> None:
    installed(tmp_path / "one", "one", "powerbi = elsewhere:Sink")
    with pytest.raises(SettingsError, match="sink powerbi is registered twice, as elsewhere:Sink and as livegold"):
        load({}, NO_FILE)


def test_a_name_that_is_planned_is_told_apart_from_one_that_is_nothing() -> None:
    with pytest.raises(WrongUse, match="sink 'database' is not there yet: give eventstream or powerbi"):
        check_sink_names(["powerbi", "database"])
    with pytest.raises(WrongUse, match="sink 'fax' is not known: give eventstream or powerbi"):
        check_sink_names(["fax"])


def test_state_of_another_version_is_refused_with_what_to_do(settings: Settings) -> None:
    with fax(settings) as sink:
        sink.write(full_batch(0, "a"))
    file = inspector_of("fax", settings, CASE)._folder / "fax.db"
    with SinkState(file.parent, "fax") as state, state.reading() as db:
        db.execute("pragma user_version = 0")
    again: Sink = fax(settings)
    for call in (again.check, again.source_id, again.open, inspector_of("fax", settings, CASE).status):
        with pytest.raises(WrongUse, match="of version 0, and this livegold has 1: remove that folder, and e"):
            call()
