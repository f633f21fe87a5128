"""Scores history again with the very same code, into a fresh folder beside gold. Does not handle the swap or sinks.

1. A plan splits one version of raw into batches (plan.py); an unfinished plan is resumed.
2. Each batch goes through GoldWriter, which finishes a batch interrupted by a crash, as it does for the hub.
3. The fresh gold is reconciled with the raw it was made from: every event is in gold or quarantine, or is a proven
   duplicate, and pulse sums what gold has.
4. Only then does it replace the old one (streams/gold/swap.py).

The hub keeps receiving events while history is scored. Gold's next query therefore starts after the last event of the
planned version of raw, however far the old gold had read by then: earlier events are in the fresh gold, later ones are
read from the hub. So an event that is in the old gold but not in that version of raw must still be in the hub; if it is
not, the rebuild is refused, because the event would be lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from livegold.reporting.errors import CheckFailed, LivegoldError, WrongUse
from livegold.reporting.lake import Lake, delete_folder, transaction_version
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase
from livegold.streams.accounts import gold_beyond, reconcile
from livegold.streams.gold import GoldWriter, create_tables, decide, finish_swap
from livegold.streams.hub import Hub, offsets
from livegold.streams.models import Scorer
from livegold.streams.rebuild.plan import Plan, make_plan, read_plan, write_plan
from livegold.streams.status import GoldCounts

SHOWN_PROBLEMS = 3


class Rescoring:
    """Rebuilds one use case's gold. It is a `Running` (see streams/queries.py) for the status.

    `batch_events` is the approximate number of events in a batch. `on_step` is called as by GoldWriter, and also with
    `reconciled`, `decided` and `swapped`.
    """

    name = "rebuild"

    def __init__(
        self,
        spark: SparkSession,
        case: UseCase,
        settings: Settings,
        scorer: Scorer,
        on_step: Callable[[str], None] = lambda step: None,
    ) -> None:
        self._spark = spark
        self._case = case
        self._settings = settings
        self._lake = Lake.of(settings, case.name)
        self._hub = Hub.of(settings, case.name)
        self._scorer = scorer
        self._on_step = on_step
        self.counts: GoldCounts | None = None
        """Counts of the events scored so far, including those of earlier calls."""
        self._plan: Plan | None = None
        self._number = 0
        self._rate = 0.0
        self._is_active = False
        self._error: LivegoldError | None = None

    def score(self, stop: threading.Event) -> bool:
        """Scores all of raw, or what is left of it. Returns whether it finished: False if `stop` was set first."""
        with self._working():
            self._plan = plan = self._begin()
            self._refuse_loss(plan)
            fresh = self._lake.fresh(plan.id)
            self.counts = GoldCounts(fresh)
            create_tables(self._spark, self._case, fresh)
            writer = GoldWriter(self._case, fresh, _Always(self._scorer), _Always(plan.id), self._on_step)
            # The newest batch may have predictions but lack the rest; the writer detects and completes it.
            first = max(0, transaction_version(fresh.predictions, f"{plan.id}/predictions"))
            for self._number in range(first, len(plan.ends)):
                if stop.is_set():
                    return False
                started = time.perf_counter()
                writer(plan.rows(self._spark, self._lake, self._number), self._number)
                self._rate = plan.events / len(plan.ends) / (time.perf_counter() - started)
            self._number = len(plan.ends)
            return True

    def replace(self, keep: bool) -> None:
        """Replaces the old gold with the fresh one, which has to be complete; `keep` keeps the old one in the history.

        Raises CheckFailed if the fresh one does not reconcile; the old one then stays.
        """
        with self._working():
            assert self._plan is not None, "nothing was scored"
            self._compare(self._plan)
            self._on_step("reconciled")
            decide(self._spark, self._case, self._lake, self._plan.id, self._plan.positions, keep)
            self._on_step("decided")
            finish_swap(self._spark, self._lake)
            self._on_step("swapped")

    @contextmanager
    def _working(self) -> Iterator[None]:
        self._is_active = True
        try:
            yield
        except LivegoldError as error:
            self._error = error
            raise
        finally:
            self._is_active = False

    def _begin(self) -> Plan:
        """The unfinished plan if it is still valid, otherwise a new one in an empty folder."""
        begun = read_plan(self._lake)
        if begun is not None and begun.is_of(self._case, self._scorer.version):
            return begun
        delete_folder(self._lake.rebuild)
        batch_events = self._settings.integer("hub.batch_events")
        plan = make_plan(self._case, self._lake, self._scorer.version, batch_events)
        write_plan(self._lake, plan)
        return plan

    def _refuse_loss(self, plan: Plan) -> None:
        beyond = gold_beyond(self._lake, plan.raw_version)
        lost = [b for b in beyond if b.offset < plan.positions.get(b.topic, {}).get(str(b.partition), 0)]
        ahead = [b for b in beyond if b not in lost]
        if ahead:
            if self._hub.folder is not None:
                lost += [b for b in ahead if not (Path(self._hub.folder) / b.topic).is_file()]
            else:
                first = {partition: low for partition, (low, _) in offsets(self._hub).items()}
                lost += [
                    b for b in ahead if b.topic != self._hub.topic or b.offset < first.get(b.partition, b.offset + 1)
                ]
        if lost:
            raise WrongUse(
                f"use case {self._case.name}: gold has events that neither raw nor the hub has, the first of them "
                f"{lost[0]}: a gold rebuilt from raw would lose them; keep the current gold, or move {self._lake.gold} "
                "away first"
            )

    def _compare(self, plan: Plan) -> None:
        found = reconcile(
            self._case,
            self._settings,
            lambda: self._spark,
            hub=False,
            delivered=False,
            lake=self._lake.fresh(plan.id),
            raw_version=plan.raw_version,
        )
        if not found.ok:
            shown = "; ".join(found.problems[:SHOWN_PROBLEMS])
            more = len(found.problems) - SHOWN_PROBLEMS
            raise CheckFailed(
                f"use case {self._case.name}: the rebuilt gold does not reconcile, so the old one is kept: {shown}"
                f"{f' (and {more} more)' if more > 0 else ''}; delete {self._lake.rebuild} to start again"
            )

    # ---- for the status --------------------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        return self._is_active

    @property
    def error(self) -> LivegoldError | None:
        return self._error

    def wait(self, seconds: float) -> bool:
        return not self._is_active

    def stop(self) -> None: ...

    def status(self) -> Mapping[str, Any]:
        plan, left = self._plan, None
        if plan is not None:
            left = round(plan.events * (1 - self._number / len(plan.ends)))
        return {
            "active": self._is_active,
            "batch": self._number,
            "rate": round(self._rate, 1),
            "behind": left,
            "error": str(self._error) if self._error else None,
        }


@dataclass(frozen=True)
class _Always:
    """A picklable function that always returns the same value."""

    value: Any

    def __call__(self) -> Any:
        return self.value
