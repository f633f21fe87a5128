"""Validates the body of a refresh request by the REST API's specification. Not the refresh itself."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from livegold.reporting.errors import choices
from livegold.reporting.powerbi.limits import HOUR_SECONDS, REFRESH_ATTEMPT_HOURS
from livegold.reporting.service.problems import bad_request, invalid_request
from livegold.reporting.service.schedule import not_for_application
from livegold.reporting.service.tokens import Principal

NOTIFY_OPTIONS = ("NoNotification", "MailOnFailure", "MailOnCompletion")
TYPES = ("Full", "ClearValues", "Calculate", "DataOnly", "Automatic", "Defragment")
COMMIT_MODES = ("Transactional", "PartialBatch")
KEYS = (
    "notifyOption",
    "type",
    "commitMode",
    "maxParallelism",
    "retryCount",
    "objects",
    "applyRefreshPolicy",
    "effectiveDate",
    "timeout",
)
MAX_RETRIES = 100  # assumption: the specification names no limit
DEFAULT_TIMEOUT_SECONDS = REFRESH_ATTEMPT_HOURS * HOUR_SECONDS
_TIMEOUT = re.compile(r"([0-1]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])")


def checked_request(body: dict[str, Any], who: Principal) -> dict[str, Any]:
    """The body with its values spelled as specified; anything besides notifyOption makes it an enhanced refresh.

    Values are case-insensitive and booleans may be strings, as in Microsoft's own example. Raises a Problem of 400.
    """
    for key in body:
        if key not in KEYS:
            raise bad_request(f"refresh: unknown property {key[:60]!r}: give {choices(KEYS)}")
    given = {k: v for k, v in body.items() if v is not None}
    made: dict[str, Any] = {}
    if "notifyOption" in given:
        made["notifyOption"] = _spelled(given, "notifyOption", NOTIFY_OPTIONS)
        if not who.is_user and made["notifyOption"] != "NoNotification":
            raise not_for_application(made["notifyOption"])
    for key, valid in (("type", TYPES), ("commitMode", COMMIT_MODES)):
        if key in given:
            made[key] = _spelled(given, key, valid)
    for key, least, most in (("maxParallelism", 1, 1_000), ("retryCount", 0, MAX_RETRIES)):
        if key in given:
            if type(given[key]) is not int or not least <= given[key] <= most:
                raise bad_request(f"refresh: {key} {str(given[key])[:40]!r} is not a whole number of {least} to {most}")
            made[key] = given[key]
    if "objects" in given:
        made["objects"] = _objects(given["objects"])
    if "applyRefreshPolicy" in given:
        made["applyRefreshPolicy"] = _boolean(given["applyRefreshPolicy"])
    if "effectiveDate" in given:
        made["effectiveDate"] = _date(given["effectiveDate"])
    if "timeout" in given:
        if not isinstance(given["timeout"], str) or not _TIMEOUT.fullmatch(given["timeout"]):
            raise bad_request(f"refresh: timeout {str(given['timeout'])[:40]!r} is not HH:MM:SS")
        made["timeout"] = given["timeout"]
    if made.get("applyRefreshPolicy") and made.get("commitMode") == "PartialBatch":
        raise invalid_request("refresh: applyRefreshPolicy needs commitMode Transactional")
    return made


def timeout_seconds(request: dict[str, Any]) -> float:
    """The maximum duration of one attempt."""
    found = _TIMEOUT.fullmatch(request.get("timeout", ""))
    if found is None:
        return DEFAULT_TIMEOUT_SECONDS
    hours, minutes, seconds = (int(part) for part in found.groups())
    return float(hours * 3_600 + minutes * 60 + seconds)


def _spelled(given: dict[str, Any], key: str, valid: tuple[str, ...]) -> str:
    value = given[key]
    found = {v.lower(): v for v in valid}.get(value.lower() if isinstance(value, str) else "")
    if found is None:
        raise bad_request(f"refresh: {key} {str(value)[:40]!r} is unknown: give {choices(valid)}")
    return found


def _objects(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise bad_request("refresh: objects is not a list")
    made = []
    for one in value:
        known = isinstance(one, dict) and set(one) <= {"table", "partition"} and isinstance(one.get("table"), str)
        if not known or not isinstance(one.get("partition", ""), str):
            raise bad_request("refresh: each of objects has a table, and may have a partition")
        made.append(dict(one))
    return made


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise bad_request("refresh: applyRefreshPolicy is not true or false")


def _date(value: Any) -> str:
    try:
        dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise bad_request(f"refresh: effectiveDate {str(value)[:40]!r} is no date") from None
    return str(value)
