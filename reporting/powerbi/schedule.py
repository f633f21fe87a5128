"""Reads a dataset's refresh schedule and validates changes to it. Not for sending it (refresh.py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.powerbi.limits import MAX_SCHEDULED_REFRESHES_DEDICATED, MAX_SCHEDULED_REFRESHES_SHARED

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# The specification of "update refresh schedule"
SCHEDULE_NOTIFY_OPTIONS = ("NoNotification", "MailOnFailure")
_TIME = re.compile(r"([01]?\d|2[0-3]):(00|30)")


@dataclass(frozen=True)
class Schedule:
    """Days and times (HH:MM in `time_zone`, a Windows name) of the service's automatic refreshes."""

    days: tuple[str, ...]
    times: tuple[str, ...]
    enabled: bool
    time_zone: str
    notify: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Schedule:
        """From the service's JSON."""
        return cls(
            tuple(str(d) for d in body.get("days") or ()),
            tuple(str(t) for t in body.get("times") or ()),
            bool(body.get("enabled")),
            str(body.get("localTimeZoneId") or ""),
            str(body.get("notifyOption") or ""),
        )


def read_days(names: Iterable[str]) -> tuple[str, ...]:
    """Days, given by their English names or the first three letters, in weekday order."""
    found = set()
    for name in names:
        given = name.strip().lower()
        day = next((d for d in DAYS if given in (d.lower(), d[:3].lower())), None)
        if day is None:
            raise WrongUse(f"refresh schedule: {name!r} is no day: give {choices(d[:3].lower() for d in DAYS)}")
        found.add(day)
    return tuple(d for d in DAYS if d in found)


def read_times(texts: Iterable[str]) -> tuple[str, ...]:
    """Times of day as HH:MM, without duplicates, earliest first."""
    found = set()
    for text in texts:
        match = _TIME.fullmatch(text.strip())
        if match is None:
            raise WrongUse(f"refresh schedule: {text!r} is no time the service takes: give HH:00 or HH:30")
        found.add(f"{int(match[1]):02}:{match[2]}")
    return tuple(sorted(found))


def change_of(
    days: Sequence[str] | None,
    times: Sequence[str] | None,
    enabled: bool | None,
    time_zone: str | None,
    notify: str | None,
) -> dict[str, Any]:
    """The JSON of a change; WrongUse if the service would reject it or it changes nothing."""
    change: dict[str, Any] = {}
    if days is not None:
        change["days"] = list(read_days(days))
        if not change["days"]:
            raise WrongUse("refresh schedule: no day is left: give one, or switch the schedule off")
    if times is not None:
        change["times"] = list(read_times(times))
    if time_zone is not None:
        change["localTimeZoneId"] = time_zone
    if notify is not None:
        if notify not in SCHEDULE_NOTIFY_OPTIONS:
            raise WrongUse(f"refresh schedule: notify is {notify!r}: give {choices(SCHEDULE_NOTIFY_OPTIONS)}")
        change["notifyOption"] = notify
    if enabled is False and change:
        raise WrongUse(
            "refresh schedule: switching it off cannot be combined with other changes: make those before or after"
        )
    if enabled is not None:
        change["enabled"] = enabled
    if not change:
        raise WrongUse("refresh schedule: nothing to change was given")
    return change


def check_times(times: Sequence[str], dedicated: Callable[[], bool | None]) -> None:
    """Raises WrongUse for more times than the capacity allows; looks up the capacity only if it matters."""
    count = len(times)
    if count > MAX_SCHEDULED_REFRESHES_DEDICATED:
        raise WrongUse(f"refresh schedule: {count} times a day: give {MAX_SCHEDULED_REFRESHES_DEDICATED} at most")
    if count > MAX_SCHEDULED_REFRESHES_SHARED and dedicated() is False:
        raise WrongUse(
            f"refresh schedule: {count} times a day, and the workspace is on shared capacity, which takes "
            f"{MAX_SCHEDULED_REFRESHES_SHARED} ({MAX_SCHEDULED_REFRESHES_DEDICATED} on dedicated capacity): give fewer"
        )
