"""Starts, lists and cancels refreshes of datasets: one at a time and a limited number a day. Not their course."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson

from livegold.reporting.errors import choices
from livegold.reporting.powerbi.limits import MAX_API_REFRESHES_PER_DAY_SHARED
from livegold.reporting.service.capacity import Capacity
from livegold.reporting.service.problems import Problem, bad_request, invalid_request, too_many
from livegold.reporting.service.refresh_requests import checked_request
from livegold.reporting.service.refresh_run import ENHANCED, SCHEDULED, VIA_API, Plan, Run
from livegold.reporting.service.schedule import Schedules
from livegold.reporting.service.store import Store, StoredDataset
from livegold.reporting.service.tokens import Principal

SCHEMA = """
create table if not exists refreshes (
    no integer primary key, id text not null unique, dataset text not null, kind text not null, requested real not null,
    cancelled real, request text not null, plan text not null);
create index if not exists refreshes_by_dataset on refreshes (dataset, requested);
"""
DAY_SECONDS = 86_400.0
MAX_SECONDS = 7 * DAY_SECONDS
# Scheduled refreshes are generated when somebody looks; how far back, at most.
MAX_PAST_SECONDS = 14 * DAY_SECONDS
MAX_HISTORY = 60  # how many of a dataset's refreshes the service keeps, according to its documentation
LOOKED = "refreshes looked at"
PLAN_KEYS = [*(f.name for f in fields(Plan)), "dataset", "times"]


@dataclass
class _Waiting:
    plan: Plan
    dataset: str
    times: int


class Refreshes:
    """Refreshes, stored on disk. `clock` gives seconds since the epoch."""

    def __init__(self, store: Store, schedules: Schedules, capacity: Capacity, clock: Callable[[], float]) -> None:
        self._store = store
        self._schedules = schedules
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.RLock()
        self._waiting: list[_Waiting] = []
        store.own(SCHEMA, "refreshes")

    def plan(self, body: Any) -> dict[str, Any]:
        """Plans the next refreshes (`times` of them, of `dataset` or, if empty, of any). Raises a Problem of 400."""
        if not isinstance(body, dict):
            raise bad_request("a plan of refreshes is a JSON object")
        for key in body:
            if key not in PLAN_KEYS:
                raise bad_request(f"plan of refreshes: {key!r} is unknown: give {choices(PLAN_KEYS)}")
        given = {**asdict(Plan()), "dataset": "", "times": 1, **body}
        seconds, numbers = given["seconds"], (given["failures"], given["times"])
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_SECONDS:
            raise bad_request(f"plan of refreshes: seconds {seconds!r} is not 0 to {MAX_SECONDS:.0f}")
        if any(type(n) is not int or not 1 <= n <= 1_000_000 for n in numbers):
            raise bad_request("plan of refreshes: failures and times are whole numbers of 1 to 1000000")
        if any(not isinstance(given[k], str) for k in ("error", "description", "dataset")):
            raise bad_request("plan of refreshes: error, description and dataset are texts")
        if not isinstance(given["disabled"], bool):
            raise bad_request("plan of refreshes: disabled is true or false")
        plan = Plan(**{f.name: given[f.name] for f in fields(Plan)})
        with self._lock:
            self._waiting.append(_Waiting(plan, given["dataset"], given["times"]))
        return given

    def clear_plans(self) -> None:
        with self._lock:
            self._waiting.clear()

    def start(self, dataset: StoredDataset, body: dict[str, Any], who: Principal) -> Run:
        """Starts a refresh from a POST body. Raises a Problem of 400, 409 or 429."""
        request = checked_request(body, who)
        enhanced = bool(set(request) - {"notifyOption"})
        dedicated = self._capacity.is_dedicated(dataset.workspace)
        if enhanced and not dedicated:
            raise invalid_request("Only notifyOption can be specified in the request body on shared capacity")
        with self._lock:
            self._fire_schedule(dataset)
            now = self._clock()
            if self._running(dataset, now):
                message = "Invalid dataset refresh request. Another refresh request is already executing"
                raise Problem(409, "Conflict", message) if enhanced else invalid_request(message)
            if not dedicated and self._today(dataset, now) >= MAX_API_REFRESHES_PER_DAY_SHARED:
                left = DAY_SECONDS - now % DAY_SECONDS
                raise too_many(
                    f"{MAX_API_REFRESHES_PER_DAY_SHARED} refreshes a day are allowed on shared capacity", left
                )
            return self._insert(dataset, ENHANCED if enhanced else VIA_API, now, request)

    def history(self, dataset: StoredDataset, top: int | None) -> list[dict[str, Any]]:
        """The refreshes, newest first."""
        with self._lock:
            self._fire_schedule(dataset)
            now = self._clock()
            return [run.in_history(now) for run in self._runs(dataset, min(top or MAX_HISTORY, MAX_HISTORY))]

    def one(self, dataset: StoredDataset, refresh: str) -> tuple[dict[str, Any], bool]:
        """(details, whether it is still running). Raises a Problem of 404."""
        now = self._clock()
        run = self._one(dataset, refresh)
        return run.detail(now), run.runs(now)

    def cancel(self, dataset: StoredDataset, refresh: str) -> None:
        """Cancels a running enhanced refresh. Raises a Problem of 404, or of 400 for any other refresh."""
        with self._lock:
            run = self._one(dataset, refresh)
            now = self._clock()
            if run.kind != ENHANCED:
                raise invalid_request("Only an enhanced refresh can be cancelled")
            if not run.runs(now):
                raise invalid_request(f"Refresh {run.id} is not in progress")
            with self._store.transaction() as db:
                db.execute("update refreshes set cancelled = ? where id = ?", (now, run.id))

    def _one(self, dataset: StoredDataset, refresh: str) -> Run:
        query = "select * from refreshes where dataset = ? and id = ?"
        for row in self._store.read(query, (dataset.id, refresh.lower())):
            return self._run(dataset, row)
        raise Problem(404, "PowerBIEntityNotFound", f"Refresh {refresh[:60]} not found")

    def _runs(self, dataset: StoredDataset, most: int) -> list[Run]:
        query = "select * from refreshes where dataset = ? order by requested desc, no desc limit ?"
        return [self._run(dataset, row) for row in self._store.read(query, (dataset.id, most))]

    def _running(self, dataset: StoredDataset, now: float) -> bool:
        newest = self._runs(dataset, 1)
        return bool(newest) and newest[0].runs(now)

    def _today(self, dataset: StoredDataset, now: float) -> int:
        """Number of refreshes since midnight UTC (assumption: that this is the day meant)."""
        query = "select count(*) from refreshes where dataset = ? and requested >= ?"
        return int(self._store.read(query, (dataset.id, now - now % DAY_SECONDS))[0][0])

    def _fire_schedule(self, dataset: StoredDataset) -> None:
        """Inserts the scheduled refreshes due since the last look, except those due while another was running."""
        now = self._clock()
        looked = self._store.document(dataset.id, LOOKED).get("at", dataset.created)
        if now <= looked:
            return
        for at in self._schedules.due(dataset, max(looked, now - MAX_PAST_SECONDS), now):
            most = self._capacity.scheduled_a_day(dataset.workspace)
            if not self._running(dataset, at) and self._today(dataset, at) < most:
                self._insert(dataset, SCHEDULED, at, {})
        self._store.put_document(dataset.id, LOOKED, {"at": now})

    def look(self, dataset: StoredDataset) -> None:
        """To be called before a schedule changes: what was due until now was due by the old schedule."""
        with self._lock:
            self._fire_schedule(dataset)

    def _insert(self, dataset: StoredDataset, kind: str, at: float, request: dict[str, Any]) -> Run:
        refresh, plan = str(uuid.uuid4()), self._next_plan(dataset)
        with self._store.transaction() as db:
            db.execute(
                "insert into refreshes (id, dataset, kind, requested, request, plan) values (?, ?, ?, ?, ?, ?)",
                (refresh, dataset.id, kind, at, orjson.dumps(request), orjson.dumps(asdict(plan))),
            )
        return Run(refresh, kind, at, None, request, plan, self._tables(dataset))

    def _next_plan(self, dataset: StoredDataset) -> Plan:
        for waiting in self._waiting:
            if waiting.dataset in ("", dataset.id):
                waiting.times -= 1
                if waiting.times <= 0:
                    self._waiting.remove(waiting)
                return waiting.plan
        return Plan()

    def _run(self, dataset: StoredDataset, row: tuple[Any, ...]) -> Run:
        _, refresh, _, kind, requested, cancelled, request, plan = row
        made = Plan(**orjson.loads(plan))
        return Run(refresh, kind, requested, cancelled, orjson.loads(request), made, self._tables(dataset))

    def _tables(self, dataset: StoredDataset) -> tuple[str, ...]:
        return tuple(t.name for t in self._store.tables(dataset.id))
