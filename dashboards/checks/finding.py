"""What a check says. Not for checking."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["passed", "failed", "not run"]
# A message of a foreign tool can be pages long; its beginning says what is wrong.
_LONGEST = 400


@dataclass(frozen=True)
class Finding:
    """One for each check that passed or could not run, one for each problem that a check found.

    `place` is the file, relative to the template, and where in it; empty where the whole template is meant.
    """

    check: str
    state: State
    place: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.check, self.state, self.place, self.problem) if part)


@dataclass(frozen=True)
class Problem:
    """What one check found wrong, before it is known as a finding of that check."""

    place: str
    text: str


def findings(check: str, problems: Iterable[Problem]) -> list[Finding]:
    """One failed finding for each problem, once; without problems one that says that the check passed."""
    failed = dict.fromkeys(Finding(check, "failed", p.place, one_line(p.text)) for p in problems)
    return list(failed) or [Finding(check, "passed", "", "")]


def not_run(check: str, why: str) -> list[Finding]:
    """`why` says what is missing and what to do."""
    return [Finding(check, "not run", "", one_line(why))]


def one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
