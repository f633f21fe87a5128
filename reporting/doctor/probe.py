"""Finds out on a tenant what only a tenant can answer, in temporary datasets that are deleted at the end.

A probe creates four datasets named `livegold probe ...`, sends about fifty small requests of rows at a pace well below
the limits, and deletes the datasets, even on Ctrl-C. The questions are in questions.py, their order in probe_*.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livegold.reporting.doctor.exchanges import RecordingSession
from livegold.reporting.doctor.lab import NAME, Lab, Result, columns
from livegold.reporting.doctor.probe_errors import ask_about_errors
from livegold.reporting.doctor.probe_sequences import ask_about_sequences
from livegold.reporting.doctor.probe_tables import ask_about_tables
from livegold.reporting.doctor.probe_values import VALUE_TYPES, ask_about_values
from livegold.reporting.doctor.questions import NO, YES
from livegold.reporting.powerbi import Dataset, PowerBIClient, Refreshes

NUMBERED, EMPTIED, VALUES, CHANGING = "Numbered", "Emptied", "Values", "Changing"


@dataclass(frozen=True)
class Probed:
    """What a probe found: results by question, and names of datasets left behind by earlier probes and by this one."""

    results: dict[str, Result]
    leftovers: list[str]
    undeleted: list[str]
    began: float
    seconds: float
    ids: dict[str, str] = field(default_factory=dict)


class Probe:
    """One probe. `session` is the client's own, `claims` are those of its token (see `powerbi.claims_of`), `clock`
    gives seconds since the epoch, `say` is told each step as it begins."""

    def __init__(
        self,
        client: PowerBIClient,
        session: RecordingSession,
        claims: Mapping[str, object],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = lambda what: None,
    ) -> None:
        self._lab = Lab(client, session, claims, clock, sleep)
        self._say = say
        self._ids: dict[str, str] = {}

    def __call__(self) -> Probed:
        """Runs the probe. Raises the client's errors only if nothing at all can be asked."""
        lab, began = self._lab, self._lab.clock()
        leftovers = [d.name for d in lab.client.datasets() if d.name.startswith(NAME)]
        undeleted: list[str] = []
        try:
            self._ask()
        finally:
            self._say("the probe's datasets are deleted")
            undeleted = lab.remove()
            if undeleted:
                self._say(f"could not be deleted, delete it in the workspace: {', '.join(undeleted)}")
        return Probed(lab.results, leftovers, undeleted, began, lab.clock() - began, self._ids)

    def _ask(self) -> None:
        lab = self._lab
        self._say(f"datasets are made: {lab.name}")
        self._make_datasets()
        if lab.dataset:
            self._say("rows and sequence numbers (a minute or two)")
            ask_about_sequences(lab, NUMBERED, EMPTIED)
            self._say("values")
            ask_about_values(lab, VALUES)
            self._say("changes of a table")
            ask_about_tables(lab, CHANGING)
        self._say("limits and errors")
        ask_about_errors(lab, NUMBERED, CHANGING)
        if lab.dataset:
            # Last, because its effect on the rows is unknown.
            refresh = lab.attempt(lambda: Refreshes(lab.client).refresh(lab.dataset))
            lab.found("refresh", refresh.words, refresh)

    def _make_datasets(self) -> None:
        lab = self._lab
        made = lab.create(_definition(lab.name, measure=True), "basicFIFO")
        with_measure = made
        if not made.ok:
            made = lab.create(_definition(lab.name, measure=False), "basicFIFO")
        if made.ok:
            lab.found("measure", YES if with_measure.ok else with_measure.words, with_measure)
        lab.found("retention_basic_fifo", YES if made.ok else made.words, made)
        twin = lab.create({"name": lab.name, "tables": [{"name": NUMBERED, "columns": columns()}]}, "None")
        if made.ok:
            lab.found("twin", YES if twin.ok else twin.words, twin)
        if not twin.ok and made.ok:
            other = {"name": f"{lab.name} none", "tables": [{"name": NUMBERED, "columns": columns()}]}
            twin = lab.create(other, "None")
        lab.found("retention_none", YES if twin.ok else twin.words, twin)
        code = getattr(made.error, "code", None) or ""
        lab.found("create", YES if made.ok else f"{made.words[:-1]} {code})" if code else made.words, made)
        for key, mode in (("streaming", "Streaming"), ("push_streaming", "PushStreaming")):
            table = {"name": "Now", "columns": [{"name": "n", "dataType": "Int64"}]}
            answer = lab.create({"name": f"{lab.name} {mode}", "defaultMode": mode, "tables": [table]}, "None")
            lab.found(key, YES if answer.ok else answer.words, answer)
        if made.ok and isinstance(made.value, Dataset):
            lab.dataset = made.value.id
            self._ids[lab.dataset] = "the probe's dataset"
            self._ask_about_dataset()

    def _ask_about_dataset(self) -> None:
        lab = self._lab
        listed = lab.attempt(lambda: next(d for d in lab.client.datasets() if d.id == lab.dataset))
        if listed.ok:
            push = {True: YES, False: NO, None: "not said"}[listed.value.push]
            refreshable = {True: YES, False: NO, None: "not said"}[listed.value.refreshable]
            lab.found("list_says_push", push)
            lab.found("refreshable", refreshable)


def _definition(name: str, *, measure: bool) -> dict[str, Any]:
    types: dict[str, dict[str, str]] = {
        NUMBERED: {},
        EMPTIED: {},
        VALUES: VALUE_TYPES,
        CHANGING: {"a": "Int64", "b": "String", "c": "String"},
    }
    tables: list[dict[str, Any]] = [{"name": table, "columns": columns(**own)} for table, own in types.items()]
    if measure:
        tables[0]["measures"] = [_measure(NUMBERED)]
    return {"name": name, "defaultMode": "Push", "tables": tables}


def _measure(table: str) -> dict[str, str]:
    return {"name": "Rows", "expression": f"COUNTROWS('{table}')", "formatString": "#,0"}
