"""What a check found, in one line, and what to do about it. No check in here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from livegold.reporting.errors import LivegoldError
from livegold.reporting.settings import SETTINGS, Settings

OK, WARNING, FAILED, NOT_CHECKED = "ok", "warning", "failed", "not checked"
_BEGINS_ADVICE = re.compile(
    r"`?(add|allow|check|create|delete|give|have|install|leave|make|publish|put|rename|run|set|sign|start|stop|use)\b"
)
VERDICTS = (OK, WARNING, FAILED, NOT_CHECKED)


@dataclass(frozen=True)
class Finding:
    """`area` and `check` say what was looked at, `found` what is there, `advice` what to do (empty for ok)."""

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


def settings_that_matter(settings: Settings, prefixes: tuple[str, ...]) -> dict[str, str]:
    """Settings that are not at their default, and each secret as "set" or "not set"; only of these sections."""
    found = {}
    for setting in SETTINGS:
        if not setting.key.startswith(prefixes):
            continue
        if setting.secret:
            found[setting.key] = "set" if settings.has_secret(setting.key) else "not set"
        elif settings[setting.key] != setting.default:
            found[setting.key] = settings[setting.key]
    return found
