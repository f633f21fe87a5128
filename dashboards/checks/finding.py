"""The findings that checks report. Checks nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "failed", "not run"]
# A message from an external tool can be pages long; its beginning says what is wrong.
_LONGEST = 400


@dataclass(frozen=True)
class Finding:
    """One for each check that passed or could not run, and one for each problem that a check found.

    `place` is the file, relative to the template, and the position in it; empty for the template as a whole.
    """

    check: str
    state: State
    place: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.check, self.state, self.place, self.problem) if part)


@dataclass(frozen=True)
class Problem:
    """A problem that a check found, before it becomes a finding of that check."""

    place: str
    text: str


def findings(check: str, problems: Iterable[Problem]) -> list[Finding]:
    """One failed finding for each distinct problem; without problems, one that says that the check passed."""
    failed = dict.fromkeys(Finding(check, "failed", p.place, one_line(p.text)) for p in problems)
    return list(failed) or [Finding(check, "passed", "", "")]


def not_run(check: str, why: str) -> list[Finding]:
    """A finding for a check that could not run; `why` says what is missing and what to do."""
    return [Finding(check, "not run", "", one_line(why))]


def one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
