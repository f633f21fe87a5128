"""One refresh from start to end: started once even if the connection fails, watched, its outcome reported.

Enhanced if the service supports it, otherwise plain. Not for the calls themselves (refresh.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from livegold.reporting.errors import CheckFailed, LivegoldError, NotFound, Refused, Throttled, Transient, WrongUse
from livegold.reporting.powerbi.client import Dataset
from livegold.reporting.powerbi.refresh import COMPLETED, Enhanced, Refresh, Refreshes

FIRST_POLL_SECONDS = 2.0
LONGEST_POLL_SECONDS = 30.0
POLL_GROWTH = 1.5
# Watching ends after this long without any answer; a service that asks for a pause counts as having answered.
MAX_SILENCE_SECONDS = 600.0
# A pause longer than the hour over which rows are counted means a daily limit: a job should fail rather than sleep.
LONGEST_PAUSE_SECONDS = 3_600.0
MAX_STARTS = 6
SAY_EVERY_SECONDS = 60.0
LOOKED_AT = 20
"""Number of newest history entries in which our refresh must appear."""

T = TypeVar("T")


@dataclass(frozen=True)
class Started:
    """A refresh that was started. `id` is empty if the service did not give one; `known` has the ids from before."""

    id: str
    enhanced: bool
    known: frozenset[str]


def _quiet(what: str) -> None:
    pass


class RefreshRun:
    """Starts and watches refreshes of one dataset. `timeout` is in seconds and covers everything one object does."""

    def __init__(
        self,
        refreshes: Refreshes,
        dataset: Dataset,
        timeout: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = _quiet,
    ) -> None:
        self._refreshes = refreshes
        self._dataset = dataset
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._say = say
        self._began = clock()
        self._answered = clock()
        self._pause = FIRST_POLL_SECONDS

    def start(self, wanted: Enhanced | None = None) -> Started:
        """Starts a refresh; without `wanted` a full one, enhanced if the service supports that, otherwise plain.

        If the response to a request was lost, the history is searched before it is sent again. Raises WrongUse if
        `wanted` needs dedicated capacity and there is none, Refused if a refresh is already in progress.
        """
        known = frozenset(r.request_id for r in self._again(self._newest))
        enhanced, failures = True, 0
        while True:
            try:
                if enhanced:
                    options = wanted or Enhanced(type="Full")
                    return Started(self._refreshes.refresh_enhanced(self._dataset.id, options), True, known)
                return Started(self._refreshes.refresh(self._dataset.id), False, known)
            except Transient as error:
                failures += 1
                if failures >= MAX_STARTS:
                    raise
                self._wait_after(error)
                begun = [r for r in self._again(self._newest) if r.request_id not in known and r.at_work]
                if begun:
                    return Started(begun[0].request_id, enhanced, known)
            except Refused as error:
                if not enhanced or _is_busy(error) or not self._is_shared():
                    raise
                if wanted is not None:
                    raise WrongUse(
                        f"{error}: on shared capacity only the whole dataset can be refreshed, without options: "
                        "omit tables and type, or move the workspace to dedicated capacity"
                    ) from None
                self._say(f"no enhanced refreshes here: a plain one of {self._dataset.name}")
                enhanced = False

    def wait(self, started: Started) -> Refresh:
        """Watches until the refresh ends, whatever its outcome. LivegoldError if that takes longer than the timeout."""
        state, said_at = "", self._clock()
        while True:
            found = self._again(lambda: self._current(started))
            now = "" if found is None else found.state
            if found is not None and not found.at_work:
                return found
            if now != state or self._clock() - said_at >= SAY_EVERY_SECONDS:
                state, said_at = now, self._clock()
                self._say(f"refresh of {self._dataset.name}: {_progress(now)}, {self._clock() - self._began:.0f} s")
            self._nap(None)

    def _newest(self) -> list[Refresh]:
        return self._refreshes.refresh_history(self._dataset.id, LOOKED_AT)

    def _current(self, started: Started) -> Refresh | None:
        if started.enhanced and started.id:
            try:
                return self._refreshes.refresh_details(self._dataset.id, started.id)
            except NotFound:
                pass  # just started, or an adopted refresh that is a plain one
        newest = self._newest()
        mine = [r for r in newest if started.id and r.request_id == started.id]
        return next(iter(mine or [r for r in newest if r.request_id not in started.known]), None)

    def _is_shared(self) -> bool:
        return self._again(self._refreshes.client.dedicated) is not True

    def _again(self, call: Callable[[], T]) -> T:
        while True:
            try:
                answer = call()
            except Transient as error:
                self._wait_after(error)
            else:
                self._answered = self._clock()
                return answer

    def _wait_after(self, error: Transient) -> None:
        if isinstance(error, Throttled):
            self._answered = self._clock()
        too_long = (error.retry_after or 0.0) > LONGEST_PAUSE_SECONDS
        if too_long or self._clock() - self._answered >= MAX_SILENCE_SECONDS:
            raise error
        self._say(str(error))
        self._nap(error)

    def _nap(self, error: Transient | None) -> None:
        """Waits, longer each time, and at least as long as the service asked for."""
        pause = max(self._pause, (error.retry_after or 0.0) if error else 0.0)
        left = self._began + self._timeout - self._clock()
        if left <= 0 or (error is not None and pause > left):
            raise self._out_of_time(error)
        self._pause = min(self._pause * POLL_GROWTH, LONGEST_POLL_SECONDS)
        self._sleep(min(pause, left))

    def _out_of_time(self, error: Transient | None) -> LivegoldError:
        last = f" (the last answer: {error})" if error else ""
        return LivegoldError(
            f"refreshing dataset {self._dataset.name!r} did not finish within {self._timeout:g} s{last}: if it has "
            "started, it is still running: see `livegold refresh history`, or cancel it with `livegold refresh cancel`"
        )


def check_outcome(dataset: Dataset, outcome: Refresh) -> None:
    """Raises CheckFailed, with the service's own message, for a refresh that did not complete."""
    if outcome.state != COMPLETED:
        why = outcome.error or "the service gives no message"
        where = f" (RequestId {outcome.request_id})" if outcome.request_id else ""
        raise CheckFailed(
            f"refreshing dataset {dataset.name!r} ended as {outcome.state}: {why}{where}",
            request_id=outcome.request_id or None,
        )


def _is_busy(error: Refused) -> bool:
    return error.status == 409 or "another refresh" in str(error).lower()


def _progress(state: str) -> str:
    return "at work" if state in ("", "Unknown") else state
