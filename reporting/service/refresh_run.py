"""The course of one refresh: its attempts, its end and what it shows at a given time. Stores and requests nothing.

Nothing is actually refreshed. Duration and outcome are planned (`Plan`) and derived from the clock.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from livegold.reporting.powerbi.limits import HOUR_SECONDS, REFRESH_HOURS
from livegold.reporting.service.guard import shown_json
from livegold.reporting.service.refresh_requests import timeout_seconds

MAX_TOTAL_SECONDS = REFRESH_HOURS * HOUR_SECONDS
SCHEDULED = "Scheduled"
VIA_API = "ViaApi"
ENHANCED = "ViaEnhancedApi"
TIMED_OUT = "ModelRefresh_TimedOut"
TABLE_NOT_FOUND = "ModelRefresh_TableNotFound"


@dataclass(frozen=True)
class Plan:
    """What will happen: each attempt takes `seconds`; the first `failures` of them fail with `error`, if any.

    `disabled` ends it as "Disabled", as happens with a selective refresh.
    """

    seconds: float = 1.0
    error: str = ""
    description: str = ""
    failures: int = 1_000_000
    disabled: bool = False


@dataclass(frozen=True)
class _Attempt:
    start: float
    end: float
    error: str


@dataclass(frozen=True)
class Run:
    """One refresh. `requested` and `cancelled` are in seconds since the epoch; `tables` are those of the dataset."""

    id: str
    kind: str
    requested: float
    cancelled: float | None
    request: dict[str, Any]
    plan: Plan
    tables: tuple[str, ...]

    @property
    def attempts(self) -> list[_Attempt]:
        """All past and future attempts."""
        made: list[_Attempt] = []
        start = self.requested
        most = timeout_seconds(self.request)
        for number in range(1 + int(self.request.get("retryCount", 0))):
            took = min(self.plan.seconds, most, self.requested + MAX_TOTAL_SECONDS - start)
            failed = self.plan.error if number < self.plan.failures else ""
            error = TIMED_OUT if took < self.plan.seconds else failed or self._bad_object()
            made.append(_Attempt(start, start + took, error))
            start += took
            if not error or start >= self.requested + MAX_TOTAL_SECONDS:
                break
        return made

    @property
    def end(self) -> float:
        last = self.attempts[-1].end
        return last if self.cancelled is None else min(last, self.cancelled)

    def runs(self, now: float) -> bool:
        return now < self.end

    def status(self, now: float) -> str:
        """The detailed status: InProgress, Completed, Failed, TimedOut, Disabled or Cancelled."""
        if self.cancelled is not None:
            return "Cancelled"
        if self.runs(now):
            return "InProgress"
        if self.plan.disabled:
            return "Disabled"
        error = self.attempts[-1].error
        return "TimedOut" if error == TIMED_OUT else "Failed" if error else "Completed"

    def in_history(self, now: float) -> dict[str, Any]:
        """The entry in the list of refreshes. `Unknown` means in progress."""
        status = self.status(now)
        plain = {"InProgress": "Unknown", "TimedOut": "Failed"}.get(status, status)
        shown: dict[str, Any] = {
            "requestId": self.id,
            "id": int(self.requested * 1_000),
            "refreshType": self.kind,
            "startTime": shown_time(self.requested),
            "status": plain,
        }
        if self.kind == ENHANCED:
            shown["extendedStatus"] = status
        return {**shown, **self._ended(status, now)}

    def detail(self, now: float) -> dict[str, Any]:
        """The response to a GET of this refresh; the specification does not allow `Cancelled` as its `status`."""
        status = self.status(now)
        plain = {"InProgress": "Unknown", "TimedOut": "Failed", "Cancelled": "Failed"}.get(status, status)
        shown: dict[str, Any] = {"startTime": shown_time(self.requested), "status": plain}
        if self.kind == ENHANCED:
            shown["extendedStatus"] = status
            shown["type"] = shown["currentRefreshType"] = self.request.get("type", "Automatic")
            shown["commitMode"] = self.request.get("commitMode", "Transactional")
            shown["objects"] = self._objects(status)
            if error := self._error(status):
                shown["messages"] = [{"code": "0xC1000001", "message": self._words(error), "type": "Error"}]
        attempts = len(self._seen(now))
        return {**shown, "numberOfAttempts": attempts, "initiatedBy": self.kind, **self._ended(status, now)}

    def _ended(self, status: str, now: float) -> dict[str, Any]:
        shown: dict[str, Any] = {"refreshAttempts": [self._attempt(i, a, now) for i, a in self._seen(now)]}
        if status != "InProgress":
            shown["endTime"] = shown_time(self.end)
        if error := self._error(status):
            shown["serviceExceptionJson"] = self._exception(error)
        return shown

    def _error(self, status: str) -> str:
        return self.attempts[-1].error if status in ("Failed", "TimedOut") else ""

    def _seen(self, now: float) -> list[tuple[int, _Attempt]]:
        until = now if self.cancelled is None else min(now, self.cancelled)
        return [(i, a) for i, a in enumerate(self.attempts, 1) if a.start <= until]

    def _attempt(self, number: int, attempt: _Attempt, now: float) -> dict[str, Any]:
        shown: dict[str, Any] = {"attemptId": number, "startTime": shown_time(attempt.start), "type": "Data"}
        if min(attempt.end, self.end) <= now:
            shown["endTime"] = shown_time(min(attempt.end, self.end))
            if attempt.error and attempt.end <= self.end:
                shown["serviceExceptionJson"] = self._exception(attempt.error)
        return shown

    def _exception(self, error: str) -> str:
        return shown_json({"errorCode": error, "errorDescription": self._words(error)})

    def _words(self, error: str) -> str:
        if error == TIMED_OUT:
            return "The refresh took longer than its timeout."
        if error == TABLE_NOT_FOUND:
            return f"A table of the request is not in the model, which has {', '.join(self.tables)}."
        return self.plan.description or f"{error} (a failure on demand)"

    def _objects(self, status: str) -> list[dict[str, Any]]:
        of_object = {"TimedOut": "TimedOut", "InProgress": "InProgress"}.get(status, status)
        asked = self.request.get("objects") or [{"table": t} for t in self.tables]
        return [{**one, "status": of_object} for one in asked]

    def _bad_object(self) -> str:
        known = {t.lower() for t in self.tables}
        asked = self.request.get("objects") or []
        missing = bool(known) and any(o["table"].lower() not in known for o in asked)
        return TABLE_NOT_FOUND if missing else ""


def shown_time(at: float) -> str:
    """A time with milliseconds and a Z, which public clients strip from the end."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1_000:03d}Z"
