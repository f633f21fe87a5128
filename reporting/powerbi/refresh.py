"""Refreshes of a dataset and their schedule, as methods with typed results. Not for waiting (refresh_run.py).

Shared capacity supports only plain refreshes, whose one option is when to send mail. Dedicated capacity (Premium,
Fabric, Embedded) supports enhanced ones, which name tables and can be tracked and cancelled. Push datasets need none.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests

from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.powerbi.caller import encoded, object_of, values_of
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.limits import REQUEST_ID_HEADER
from livegold.reporting.powerbi.schedule import Schedule, change_of, check_times

# The specification of "refresh dataset"
REFRESH_TYPES = ("Full", "ClearValues", "Calculate", "DataOnly", "Automatic", "Defragment")
COMMIT_MODES = ("Transactional", "PartialBatch")
NOTIFY_OPTIONS = ("NoNotification", "MailOnFailure", "MailOnCompletion")
LONGEST_TIMEOUT = dt.timedelta(hours=23, minutes=59, seconds=59)
REFRESH_ID_HEADER = "x-ms-request-id"
COMPLETED = "Completed"
# A history has Unknown for a refresh in progress; details have the more specific state
AT_WORK = ("Unknown", "NotStarted", "InProgress", "")


@dataclass(frozen=True)
class RefreshObject:
    """A table, or one partition of it."""

    table: str
    partition: str = ""


@dataclass(frozen=True)
class Enhanced:
    """Options of an enhanced refresh; None leaves an option to the service. `timeout` is per attempt (default 5 h).

    Raises WrongUse for an invalid value.
    """

    type: str | None = None
    commit_mode: str | None = None
    max_parallelism: int | None = None
    retry_count: int | None = None
    objects: tuple[RefreshObject, ...] = ()
    apply_refresh_policy: bool | None = None
    effective_date: dt.datetime | None = None
    timeout: dt.timedelta | None = None

    def __post_init__(self) -> None:
        for name, value, valid in (
            ("type", self.type, REFRESH_TYPES),
            ("commit_mode", self.commit_mode, COMMIT_MODES),
        ):
            if value is not None and value not in valid:
                raise WrongUse(f"refresh: {name} is {value!r}: give {choices(valid)}")
        if self.timeout is not None and not dt.timedelta() < self.timeout <= LONGEST_TIMEOUT:
            raise WrongUse(f"refresh: timeout is {self.timeout}: give more than 0 and at most {LONGEST_TIMEOUT}")
        if not self.body():
            raise WrongUse("refresh: an enhanced refresh needs a type or another option")

    def body(self) -> dict[str, Any]:
        """The request's JSON, which must not contain notifyOption."""
        objects = [{"table": o.table, **({"partition": o.partition} if o.partition else {})} for o in self.objects]
        given = {
            "type": self.type,
            "commitMode": self.commit_mode,
            "maxParallelism": self.max_parallelism,
            "retryCount": self.retry_count,
            "objects": objects or None,
            "applyRefreshPolicy": self.apply_refresh_policy,
            "effectiveDate": self.effective_date.isoformat() if self.effective_date else None,
            "timeout": _clock_text(self.timeout) if self.timeout else None,
        }
        return {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True)
class Refresh:
    """A refresh as reported in the history or its details. `kind` is how it was started (ViaApi, Scheduled, ...).

    `state` is Completed, Failed, Cancelled, TimedOut, Disabled, NotStarted, InProgress or Unknown (which in a history
    also means in progress). `error` is the service's own message on one line. Times are UTC.
    """

    request_id: str
    state: str
    kind: str = ""
    start: dt.datetime | None = None
    end: dt.datetime | None = None
    error: str = ""
    attempts: int = 0

    @property
    def at_work(self) -> bool:
        return self.state in AT_WORK

    @property
    def seconds(self) -> float | None:
        return (self.end - self.start).total_seconds() if self.start and self.end else None


class Refreshes:
    """The refresh calls of one client's workspace; errors are those of the client."""

    def __init__(self, client: PowerBIClient) -> None:
        self._client = client

    @property
    def client(self) -> PowerBIClient:
        return self._client

    def refresh(self, dataset: str, notify: str = "NoNotification") -> str:
        """Starts a plain refresh and returns its request id, empty if the service does not give one.

        `notify` is NoNotification, MailOnFailure or MailOnCompletion; a service principal gets no mail.
        """
        if notify not in NOTIFY_OPTIONS:
            raise WrongUse(f"refresh: notify is {notify!r}: give {choices(NOTIFY_OPTIONS)}")
        answer = self._start(dataset, {"notifyOption": notify})
        return answer.headers.get(REQUEST_ID_HEADER, "")

    def refresh_enhanced(self, dataset: str, options: Enhanced) -> str:
        """Starts an enhanced refresh and returns its id, for details and cancelling. Refused on shared capacity."""
        answer = self._start(dataset, options.body())
        location = answer.headers.get("Location", "").rstrip("/").rpartition("/")[2]
        return answer.headers.get(REFRESH_ID_HEADER) or location or answer.headers.get(REQUEST_ID_HEADER, "")

    def refresh_history(self, dataset: str, top: int | None = None) -> list[Refresh]:
        """The last refreshes, newest first, at most `top` of them."""
        if top is not None and top < 1:
            raise WrongUse(f"refresh history: top is {top}: give 1 or more")
        url = self._at(dataset) if top is None else f"{self._at(dataset)}?$top={top}"
        doing = f"reading the refresh history of dataset {dataset}"
        return [_refresh(r) for r in values_of(self._client.call("GET", url, doing), doing)]

    def refresh_details(self, dataset: str, refresh: str) -> Refresh:
        """One enhanced refresh, in progress or finished."""
        doing = f"reading refresh {refresh} of dataset {dataset}"
        answer = self._client.call("GET", self._at(dataset, refresh), doing)
        return _refresh({"requestId": refresh, **object_of(answer, doing)})

    def cancel_refresh(self, dataset: str, refresh: str) -> None:
        """Cancels an enhanced refresh; no call cancels a plain one."""
        self._client.call("DELETE", self._at(dataset, refresh), f"cancelling refresh {refresh} of dataset {dataset}")

    def refresh_schedule(self, dataset: str) -> Schedule:
        """The schedule of the service's automatic refreshes."""
        doing = f"reading the refresh schedule of dataset {dataset}"
        return Schedule.of(object_of(self._client.call("GET", self._schedule(dataset), doing), doing))

    def update_refresh_schedule(
        self,
        dataset: str,
        *,
        days: Sequence[str] | None = None,
        times: Sequence[str] | None = None,
        enabled: bool | None = None,
        time_zone: str | None = None,
        notify: str | None = None,
    ) -> None:
        """Changes what is given and leaves the rest; the caller must be the dataset's owner.

        `times` are HH:00 or HH:30, at most 8 on shared and 48 on dedicated capacity: more are rejected before anything
        is changed. `time_zone` is a Windows name such as UTC. The service requires that disabling is the only change.
        """
        change = change_of(days, times, enabled, time_zone, notify)
        check_times(change.get("times", ()), self._client.dedicated)
        doing = f"changing the refresh schedule of dataset {dataset}"
        self._client.call("PATCH", self._schedule(dataset), doing, body=encoded({"value": change}))

    def _start(self, dataset: str, body: Mapping[str, Any]) -> requests.Response:
        return self._client.call("POST", self._at(dataset), f"refreshing dataset {dataset}", body=encoded(body))

    def _at(self, dataset: str, refresh: str | None = None) -> str:
        url = f"{self._client.at(dataset)}/refreshes"
        return url if refresh is None else f"{url}/{quote(refresh, safe='')}"

    def _schedule(self, dataset: str) -> str:
        return f"{self._client.at(dataset)}/refreshSchedule"


def _refresh(body: Mapping[str, Any]) -> Refresh:
    attempts = [a for a in body.get("refreshAttempts") or [] if isinstance(a, dict)]
    status, extended = str(body.get("status") or ""), str(body.get("extendedStatus") or "")
    return Refresh(
        request_id=str(body.get("requestId") or ""),
        state=extended if extended not in ("", "Unknown") else status,
        kind=str(body.get("refreshType") or body.get("initiatedBy") or ""),
        start=_time(body.get("startTime")),
        end=_time(body.get("endTime")),
        error=_error(body, attempts),
        attempts=int(body.get("numberOfAttempts") or len(attempts)),
    )


def _error(body: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> str:
    """The engine's messages, and the exceptions of the refresh or of its last attempt."""
    found = [
        " ".join(str(m[k]) for k in ("code", "message") if m.get(k))
        for m in body.get("messages") or []
        if isinstance(m, dict) and m.get("type") != "Warning"
    ]
    failed = [a["serviceExceptionJson"] for a in attempts if a.get("serviceExceptionJson")]
    text = body.get("serviceExceptionJson") or (failed[-1] if failed else "")
    if text:
        found.append(_exception(str(text)))
    return " ".join("; ".join(dict.fromkeys(f for f in found if f)).split())


def _exception(text: str) -> str:
    try:
        exception = json.loads(text)
    except ValueError:
        return text
    if not isinstance(exception, dict):
        return text
    parts = [str(exception[k]) for k in ("errorCode", "errorDescription") if exception.get(k)]
    return " ".join(parts) or text


def _time(value: object) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found and found.tzinfo is None else found


def _clock_text(length: dt.timedelta) -> str:
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
