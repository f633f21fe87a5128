"""The refresh schedule of a dataset: its validation, its storage, and when it fires. Not the refreshes themselves."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from livegold.reporting.errors import choices
from livegold.reporting.service.capacity import Capacity
from livegold.reporting.service.problems import bad_request, invalid_request
from livegold.reporting.service.store import Store, StoredDataset
from livegold.reporting.service.tokens import Principal
from livegold.reporting.service.zones import WINDOWS_ZONES

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NOTIFY_OPTIONS = ("NoNotification", "MailOnFailure")
KEYS = {"days", "times", "enabled", "localTimeZoneId", "notifyOption", "NotifyOption"}
DEFAULT_TIME = "00:00"  # assumption: "a default single time per day", says the specification
KIND = "schedule"
_TIME = re.compile(r"([01][0-9]|2[0-3]):(00|30)")
EMPTY: dict[str, Any] = {
    "days": [],
    "times": [],
    "enabled": False,
    "localTimeZoneId": "UTC",
    "notifyOption": "NoNotification",
}


class Schedules:
    """Schedules, stored with their datasets."""

    def __init__(self, store: Store, capacity: Capacity) -> None:
        self._store = store
        self._capacity = capacity

    def get(self, dataset: StoredDataset) -> dict[str, Any]:
        """The schedule; disabled and empty until one is set."""
        return {**EMPTY, **self._store.document(dataset.id, KIND)}

    def change(self, dataset: StoredDataset, body: Any, who: Principal) -> None:
        """Carries out a PATCH. Raises a Problem of 400 for what the service would reject."""
        value = body.get("value") if isinstance(body, dict) else None
        if not isinstance(value, dict) or set(body) != {"value"}:
            raise bad_request('the body must be {"value": {...}}')
        unknown = sorted(set(value) - KEYS)
        if unknown:
            raise bad_request(f"refresh schedule: unknown property {unknown[0]!r}: give {choices(sorted(EMPTY))}")
        changed = _checked(value, self._capacity.scheduled_a_day(dataset.workspace), who)
        if changed.get("enabled") is False and len(changed) > 1:
            raise invalid_request("a request that disables the refresh schedule must contain no other changes")
        made = {**self.get(dataset), **changed}
        if made["enabled"]:
            if not made["days"]:
                raise invalid_request("refresh schedule: at least one day must be specified")
            made["times"] = made["times"] or [DEFAULT_TIME]
        self._store.put_document(dataset.id, KIND, made)

    def due(self, dataset: StoredDataset, after: float, until: float) -> Iterator[float]:
        """When the schedule fired in (after, until], in seconds since the epoch, oldest first."""
        schedule = self.get(dataset)
        if not schedule["enabled"]:
            return
        zone = ZoneInfo(WINDOWS_ZONES[schedule["localTimeZoneId"]])
        day = dt.datetime.fromtimestamp(after, zone).date() - dt.timedelta(days=1)
        last = dt.datetime.fromtimestamp(until, zone).date()
        while day <= last:
            if DAYS[day.weekday()] in schedule["days"]:
                for text in sorted(schedule["times"]):
                    at = dt.datetime.combine(day, dt.time.fromisoformat(text), zone).timestamp()
                    if after < at <= until:
                        yield at
            day += dt.timedelta(days=1)


def _checked(value: dict[str, Any], most: int, who: Principal) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if value.get("days") is not None:
        days = _texts(value["days"], "days")
        if not days:
            raise invalid_request("refresh schedule: at least one day must be specified")
        made["days"] = [_spelled(d, DAYS, "day") for d in days]
    if value.get("times") is not None:
        times = _texts(value["times"], "times")
        for time in times:
            if not _TIME.fullmatch(time):
                raise invalid_request(f"refresh schedule: time {time[:40]!r} is not hh:mm on the hour or half hour")
        if len(set(times)) != len(times):
            raise invalid_request("refresh schedule: a time is there twice")
        if len(times) > most:
            raise invalid_request(f"refresh schedule: {len(times)} times a day, {most} at most on this capacity")
        made["times"] = times
    if value.get("enabled") is not None:
        if not isinstance(value["enabled"], bool):
            raise bad_request("refresh schedule: enabled is not true or false")
        made["enabled"] = value["enabled"]
    if value.get("localTimeZoneId") is not None:
        zone = value["localTimeZoneId"]
        if not isinstance(zone, str) or zone not in WINDOWS_ZONES:
            raise invalid_request(f"refresh schedule: localTimeZoneId {str(zone)[:60]!r} is no id of Windows")
        made["localTimeZoneId"] = zone
    option = value.get("notifyOption", value.get("NotifyOption"))
    if option is not None:
        made["notifyOption"] = _spelled(option, NOTIFY_OPTIONS, "notifyOption")
        if not who.is_user and made["notifyOption"] != "NoNotification":
            raise not_for_application(made["notifyOption"])
    return made


def not_for_application(option: str) -> Exception:
    """Mail goes to users: a service principal cannot request it."""
    return invalid_request(f"Invalid NotifyOption value '{option}' for app only owner requests")


def _spelled(value: Any, valid: tuple[str, ...], what: str) -> str:
    found = {v.lower(): v for v in valid}.get(value.lower() if isinstance(value, str) else "")
    if found is None:
        raise bad_request(f"refresh schedule: {what} {str(value)[:40]!r} is unknown: give {choices(valid)}")
    return found


def _texts(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise bad_request(f"refresh schedule: {what} is not a list of texts")
    return list(value)
