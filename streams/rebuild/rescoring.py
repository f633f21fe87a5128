"""History scored again by the very same code, into a fresh folder beside gold. Not for the swap, not for sinks.

1. A plan cuts one version of raw into batches (plan.py); a plan that was begun is gone on with.
2. Each batch goes through GoldWriter, which finishes the one that a crash cut off, as it does for the hub.
3. The fresh gold is reconciled with the raw it was made from: every event is in gold or quarantine, or is a proven
   duplicate, and pulse sums what gold has.
4. Only then it takes the old one's place (streams/gold/swap.py).

The hub goes on while history is scored. Gold's next query therefore begins after the last event of the planned version
of raw, whatever the old gold had read by then: what was before is in the fresh gold, what comes after is read from the
hub. So an event that the old gold has and that version of raw has not must still be in the hub; where it is not, the
rebuild is refused, for it would be lost.
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
    """One use case's gold, made anew. It is a `Running` (see streams/queries.py) for the status.

    `batch_events` is about how many events a batch has. `on_step` is that of GoldWriter, and gets `reconciled`,
    `decided` and `swapped` too.
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
        """What became of the events that have been scored, by earlier calls too."""
        self._plan: Plan | None = None
        self._number = 0
        self._rate = 0.0
        self._is_active = False
        self._error: LivegoldError | None = None

    def score(self, stop: threading.Event) -> bool:
        """Scores all of raw, or what is left of it; whether that is done: not when `stop` was set before."""
        with self._working():
            self._plan = plan = self._begin()
            self._refuse_loss(plan)
            fresh = self._lake.fresh(plan.id)
            self.counts = GoldCounts(fresh)
            create_tables(self._spark, self._case, fresh)
            writer = GoldWriter(self._case, fresh, _Always(self._scorer), _Always(plan.id), self._on_step)
            # The batch whose predictions are the newest may lack the rest; the writer finds out.
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
        """Lets the fresh gold, which has to be whole, take the old one's place; `keep` keeps the old one.

        CheckFailed when the fresh one does not reconcile: then the old one stays.
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
        """The plan that was begun if it is still good, and a new one in an empty folder if not."""
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
                f"{lost[0]}: a gold made from raw would lack them; keep this one, or move {self._lake.gold} away first"
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
                f"use case {self._case.name}: the gold made from raw does not reconcile, and the old one stays: {shown}"
                f"{f' (and {more} more)' if more > 0 else ''}; delete {self._lake.rebuild} to begin again"
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
    """A function that gives always the same, and pickles."""

    value: Any

    def __call__(self) -> Any:
        return self.value
