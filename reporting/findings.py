"""The finding of a check in one line, and what to do about it. Contains no checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from livegold.reporting.errors import LivegoldError

OK, WARNING, FAILED, NOT_CHECKED = "ok", "warning", "failed", "not checked"
_BEGINS_ADVICE = re.compile(
    r"`?(add|allow|check|create|delete|give|have|install|leave|make|publish|put|rename|run|set|sign|start|stop|use)\b"
)
VERDICTS = (OK, WARNING, FAILED, NOT_CHECKED)


@dataclass(frozen=True)
class Finding:
    """`area` and `check` say what was checked, `found` the result, `advice` what to do (empty for ok)."""

    area: str
    check: str
    verdict: str
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


Check = Callable[[], Iterator[Finding]]


def refused(area: str, check: str, error: LivegoldError) -> Finding:
    """The finding for an error: livegold's messages end with what to do, after a colon."""
    said, _, advice = str(error).rpartition(": ")
    if said and _BEGINS_ADVICE.match(advice):
        return Finding(area, check, FAILED, said, advice)
    return Finding(area, check, FAILED, str(error))
