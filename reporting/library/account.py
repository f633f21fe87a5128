"""Accounts for the events: the status of runs, and a recount of everything. Not for displaying either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from livegold.reporting.errors import NotFound
from livegold.reporting.home import StatusFile, known_cases
from livegold.reporting.library.cases import Case, load
from livegold.reporting.library.cases import settings as settings_in_force
from livegold.reporting.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from livegold.streams.accounts import Reconciliation


def status(case: Case, *, settings: Settings | None = None) -> dict[str, Any]:
    """The latest status of a use case's pipeline, whichever process it runs or ran in: see `Run.status`.

    Raises NotFound for a use case that has not run in this LIVEGOLD_HOME.
    """
    case = load(case)
    home = (settings or settings_in_force()).home
    found = StatusFile(home, case.name).read()
    if found is None:
        raise NotFound(f"use case {case.name} has not run on {home}: start one with `livegold run`")
    return found


def statuses(*, settings: Settings | None = None) -> dict[str, dict[str, Any]]:
    """The status of every use case that has run in this LIVEGOLD_HOME, by name."""
    home = (settings or settings_in_force()).home
    found = {name: StatusFile(home, name).read() for name in known_cases(home)}
    return {name: document for name, document in found.items() if document is not None}


def reconcile(case: Case, *, settings: Settings | None = None, spark: SparkSession | None = None) -> Reconciliation:
    """Compares hub, raw, gold, quarantine and what was delivered: `ok`, or one line in `problems` per difference.

    Recounts from the broker's offsets and the tables on disk, never from counters. `spark` is used only if the
    pipeline's own parser is needed to recognise a duplicate. Raises Unauthorized and SettingsError.
    """
    from livegold.streams.accounts import reconcile as compare

    case = load(case)
    return compare(case, settings or settings_in_force(), None if spark is None else lambda: spark)
