"""`livegold refresh`: runs, watches, schedules and cancels refreshes, for cron, Airflow or a Databricks job.

One command, one exit code and, with --json, one object on standard output. The calls are in reporting/powerbi.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from livegold.reporting.errors import LivegoldError, NotFound, WrongUse

if TYPE_CHECKING:
    from livegold.reporting.powerbi import Dataset, Refresh, Refreshes, Schedule

# The same as in livegold.reporting.powerbi.refresh and .limits, which are too heavy to import for a line of help.
TYPES = ("Full", "ClearValues", "Calculate", "DataOnly", "Automatic", "Defragment")
LONGEST_WAIT_SECONDS = 24 * 3_600
DEFAULT_TOP = 10
MAX_TOP = 500

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")


@click.group()
def refresh() -> None:
    """Runs, watches, schedules and cancels refreshes of a dataset.

    DATASET is its id or its name in the workspace of the settings. Push datasets need no refresh.
    """


@refresh.command("run")
@click.argument("dataset")
@click.option("--tables", metavar="A,B", help="Refresh only these tables (dedicated capacity).")
@click.option(
    "--type", "kind", type=click.Choice(TYPES, case_sensitive=False), help="Type of the refresh; Full if not given."
)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the end, and fail if it fails.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, LONGEST_WAIT_SECONDS, min_open=True),
    default=LONGEST_WAIT_SECONDS,
    show_default=True,
    help="Stop waiting after this many seconds; the refresh goes on.",
)
@as_json
def run_refresh(dataset: str, tables: str | None, kind: str | None, wait: bool, timeout: float, as_json: bool) -> None:
    """Refreshes DATASET. Exit code 1 if it fails, with the service's own message.

    Dedicated capacity takes enhanced refreshes, shared capacity only plain ones of the whole dataset.
    """
    from livegold.reporting.cli.progress import say
    from livegold.reporting.powerbi import Enhanced, RefreshObject, RefreshRun, check_outcome

    with _answering(as_json) as answer, _workspace() as refreshes:
        names = _listed("--tables", tables) if tables is not None else []
        wanted = Enhanced(type=kind or "Full", objects=tuple(map(RefreshObject, names))) if names or kind else None
        found = refreshes.client.find_dataset(dataset)
        run = RefreshRun(refreshes, found, timeout, say=say)
        started = run.start(wanted)
        shown: dict[str, Any] = {**_named(found), "request_id": started.id, "enhanced": started.enhanced}
        if not wait:
            answer({**shown, "ok": True, "state": "Started"}, lambda: f"refresh of {found.name} started {started.id}")
            return
        outcome = run.wait(started)
        shown |= {**_plain(outcome), "request_id": outcome.request_id or started.id}
        line = f"refresh of {found.name}: {outcome.state}" + _took(outcome)
        answer({**shown, "ok": outcome.state == "Completed"}, lambda: line)
        check_outcome(found, outcome)


@refresh.command("history")
@click.argument("dataset")
@click.option(
    "--top", type=click.IntRange(1, MAX_TOP), default=DEFAULT_TOP, show_default=True, help="How many to show."
)
@as_json
def history(dataset: str, top: int, as_json: bool) -> None:
    """Shows the last refreshes of DATASET, newest first."""
    with _answering(as_json) as answer, _workspace() as refreshes:
        found = refreshes.client.find_dataset(dataset)
        last = refreshes.refresh_history(found.id, top)
        answer(
            {**_named(found), "ok": True, "refreshes": [{"request_id": r.request_id, **_plain(r)} for r in last]},
            lambda: _history_table(found, last),
        )


@refresh.command("schedule")
@click.argument("dataset")
@click.option("--times", metavar="HH:MM,...", help="Full or half hours; sets the schedule and switches it on.")
@click.option("--days", metavar="mon,tue,...", help="Days of the week; without it those of the schedule, or else all.")
@click.option("--time-zone", metavar="ZONE", help="Windows name of the time zone, such as 'UTC'.")
@click.option("--enable/--disable", "enabled", default=None, help="Switch the schedule on or off.")
@as_json
def schedule(
    dataset: str, times: str | None, days: str | None, time_zone: str | None, enabled: bool | None, as_json: bool
) -> None:
    """Shows when the service refreshes DATASET by itself, or changes it: at most 8 times a day on shared capacity, 48
    on dedicated."""
    from livegold.reporting.powerbi import change_of, read_days, read_times

    with _answering(as_json) as answer, _workspace() as refreshes:
        change: dict[str, Any] = {"time_zone": time_zone, "enabled": enabled}
        change["times"] = None if times is None else read_times(_listed("--times", times))
        change["days"] = None if days is None else read_days(_listed("--days", days))
        found = refreshes.client.find_dataset(dataset)
        now = refreshes.refresh_schedule(found.id)
        if any(value is not None for value in change.values()):
            change = _completed(change, now, refreshes.client.service_principal)
            change_of(change["days"], change["times"], change["enabled"], change["time_zone"], change["notify"])
            refreshes.update_refresh_schedule(found.id, **change)
            now = refreshes.refresh_schedule(found.id)
        answer({**_named(found), "ok": True, **_schedule_plain(now)}, lambda: _schedule_text(found, now))


@refresh.command("cancel")
@click.argument("dataset")
@click.argument("refresh_id", metavar="[ID]", required=False)
@as_json
def cancel(dataset: str, refresh_id: str | None, as_json: bool) -> None:
    """Cancels a refresh of DATASET: the one with ID, or else the one that is running (enhanced refreshes only)."""
    with _answering(as_json) as answer, _workspace() as refreshes:
        found = refreshes.client.find_dataset(dataset)
        if refresh_id is None:
            at_work = [r for r in refreshes.refresh_history(found.id, DEFAULT_TOP) if r.at_work]
            if not at_work:
                raise NotFound(f"no refresh of dataset {found.name!r} is at work: there is nothing to cancel")
            refresh_id = at_work[0].request_id
        refreshes.cancel_refresh(found.id, refresh_id)
        line = f"refresh {refresh_id} of {found.name} is cancelled"
        answer({**_named(found), "ok": True, "request_id": refresh_id}, lambda: line)


Answer = Callable[[dict[str, Any], Callable[[], object]], None]


@contextmanager
def _answering(as_json: bool) -> Iterator[Answer]:
    """Yields a function that shows the answer: as one JSON object, printed even after an error, or as text."""
    from livegold.reporting.cli.redaction import redacted

    answered = False

    def answer(plain: dict[str, Any], shown: Callable[[], object]) -> None:
        nonlocal answered
        answered = True
        if as_json:
            click.echo(json.dumps(plain))
            return
        text = shown()
        if isinstance(text, str):
            click.echo(text)
        else:
            from livegold.reporting.cli.view import console

            console().print(text)

    try:
        yield answer
    except LivegoldError as error:
        if as_json and not answered:
            code = redacted(error.code) if error.code else None
            about = {"code": code, "status": error.status, "request_id": error.request_id}
            click.echo(json.dumps({"ok": False, "error": redacted(str(error)), **about}))
        raise


@contextmanager
def _workspace() -> Iterator[Refreshes]:
    """The refreshes of the workspace given by the settings."""
    from livegold.reporting.powerbi import PowerBIClient, Refreshes, powerbi_settings
    from livegold.reporting.settings import load as load_settings

    client = PowerBIClient.from_settings(powerbi_settings(load_settings()))
    try:
        yield Refreshes(client)
    finally:
        client.close()


def _listed(option: str, text: str) -> list[str]:
    found = [part.strip() for part in text.split(",") if part.strip()]
    if not found:
        raise WrongUse(f"{option} is {text!r}: give one or more, with commas between them")
    return found


def _completed(change: dict[str, Any], now: Schedule, service_principal: bool) -> dict[str, Any]:
    """A change as the service requires it: days accompany times, new times are enabled, applications get no mail."""
    from livegold.reporting.powerbi import DAYS

    change = {**change, "notify": None}
    if change["enabled"] is False:
        return change
    if change["days"] is None:
        change["days"] = now.days or DAYS
    if service_principal:
        change["notify"] = "NoNotification"
    return {**change, "enabled": True}


def _named(dataset: Dataset) -> dict[str, Any]:
    return {"dataset": dataset.id, "name": dataset.name}


def _plain(found: Refresh) -> dict[str, Any]:
    return {
        "state": found.state,
        "kind": found.kind,
        "start": _iso(found.start),
        "end": _iso(found.end),
        "seconds": found.seconds,
        "attempts": found.attempts,
        "error": found.error or None,
    }


def _schedule_plain(now: Schedule) -> dict[str, Any]:
    return {
        "enabled": now.enabled,
        "days": list(now.days),
        "times": list(now.times),
        "time_zone": now.time_zone,
        "notify": now.notify,
    }


def _schedule_text(dataset: Dataset, now: Schedule) -> str:
    if not now.days and not now.times:
        return f"{dataset.name}: no refresh is scheduled"
    state = "" if now.enabled else " (switched off: --enable switches it on)"
    days = ", ".join(d[:3].lower() for d in now.days)
    return f"{dataset.name}: {days} at {', '.join(now.times) or 'the default time'} {now.time_zone}".rstrip() + state


def _history_table(dataset: Dataset, last: list[Refresh]) -> object:
    from livegold.reporting.cli.view import rows_table

    if not last:
        return f"{dataset.name}: no refresh so far"
    columns = ("start", "state", "seconds", "kind", "request id", "error")
    return rows_table(
        columns, ((_iso(r.start), r.state, r.seconds, r.kind, r.request_id, r.error or None) for r in last)
    )


def _took(outcome: Refresh) -> str:
    return "" if outcome.seconds is None else f" after {outcome.seconds:.0f} s"


def _iso(moment: dt.datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
