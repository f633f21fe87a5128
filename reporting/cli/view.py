"""Terminal output, drawn with rich from documents made elsewhere. Computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from livegold.reporting.tasks import Task

GOOD, BAD, QUIET, TITLE = "green", "bold red", "dim", "bold"
CHECK, CROSS = "✓", "✗"


PIPED_WIDTH = 120
"""Width in columns when there is no terminal: a file has room."""


def console() -> Console:
    """A console on standard output."""
    own = Console()
    return own if own.is_terminal else Console(width=PIPED_WIDTH)


def grid(*alignments: str) -> Table:
    """A grid without lines; `alignments` are rich's column justifications."""
    table = Table.grid(padding=(0, 2))
    for alignment in alignments:
        table.add_column(justify=alignment)  # type: ignore[arg-type]
    return table


def listing(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table without lines; the columns named in `right` hold numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", header_style=QUIET, overflow="fold")
    return table


def rows_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> RenderableType:
    """The result of a query as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(Text(column), header_style=TITLE, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    return table


def count(value: Any) -> str:
    return "" if value is None else f"{value:,.0f}"


# ---- queries and sinks  ---------------------------------------------------------------------------------------------


def queries(status: Mapping[str, Any]) -> RenderableType:
    """Each query in a pipeline's status: its position, rate and lag."""
    table = listing(
        "query", "state", "batch", "events/s", "behind", "last error", right=("batch", "events/s", "behind")
    )
    for name, query in status.get("queries", {}).items():
        error = query.get("error")
        state = Text("failed", BAD) if error else Text("ended", QUIET)
        if query["active"] and status.get("running"):
            state = Text("running", GOOD)
        feed = name.startswith("feed-")
        table.add_row(
            name,
            state,
            count(query.get("batch")),
            "" if feed else count(query.get("rate")),
            behind(query.get("behind"), feed),
            Text(error or "", BAD),
        )
    return table


def behind(value: float | None, feed: bool) -> str:
    """Lag of a query: in events for those that read the hub, in bytes of gold for a feed."""
    if value is None:
        return ""
    if value == 0:
        return "none"
    return f"{value / 1024:,.0f} KB" if feed else f"{value:,.0f} events"


def sink(name: str, status: Mapping[str, Any], running: bool) -> RenderableType:
    """One sink: its destination, what was delivered, the use of the destination's limits, and the last error."""
    table = grid("left", "left")
    state = Text("running", GOOD) if running else Text("not running", QUIET)
    if status.get("stopped"):
        state = Text("stopped", BAD)
    mode = f", delivers {status['mode']}" if status.get("mode") else ""
    place = f", {status['place']}" if status.get("place") else ""
    table.add_row(Text(name, TITLE), Text.assemble(state, mode, place))
    if status.get("exact_by"):
        table.add_row("", Text(f"for each row once, {status['exact_by']}", QUIET))
    if "tables" in status:
        tables = ", ".join(f"{t} {v['rows']:,}" for t, v in status["tables"].items())
        twice = f", {status['rows_maybe_twice']:,} maybe twice" if status.get("rows_maybe_twice") else ""
        waiting = f", {status['outbox_rows']:,} waiting" if status["outbox_rows"] else ""
        table.add_row("delivered", f"{status['rows_delivered']:,} rows ({tables or 'no table yet'}){twice}{waiting}")
    for label, text in status.get("details", {}).items():
        table.add_row(label, text)
    kept_back = {
        "spotlight rows left out": "spotlight_thinned",
        "texts cut": "strings_cut",
        "values nulled": "values_nulled",
    }
    said = [f"{status[key]:,} {what}" for what, key in kept_back.items() if status.get(key)]
    if said:
        table.add_row("limited", ", ".join(said))
    if status.get("last_error"):
        table.add_row("last error", Text(f"{status['last_error']} ({ago(status.get('last_error_at'))})", BAD))
    return table


def ago(moment: float | None) -> str:
    if moment is None:
        return "never"
    seconds = datetime.now(UTC).timestamp() - moment
    return f"{seconds:.0f} s ago" if seconds < 120 else f"{seconds / 60:.0f} min ago"


def status_report(found: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """`livegold status`."""
    parts: list[RenderableType] = []
    for name, status in found.items():
        running = status.get("running")
        state = (
            Text("running", GOOD) if running else Text("not running", BAD if status.get("state") != "ended" else QUIET)
        )
        told = f", {status.get('switch')}, model version {status.get('model_version') or 'none'}"
        parts.append(Text.assemble((name, TITLE), " ", state, f"{told}, reported {ago(status.get('updated'))}"))
        parts.append(queries(status))
        gold = status.get("gold", {})
        keys = ("events", "predictions", "quarantined", "duplicates", "late")
        parts.append(Text("since its start: " + ", ".join(f"{gold.get(k, 0):,} {k}" for k in keys)))
        parts += [sink(n, s, bool(running)) for n, s in status.get("sinks", {}).items()]
        parts.append(Text(""))
    return Group(*parts[:-1])


# ---- a model  -------------------------------------------------------------------------------------------------------


def evaluation(found: Mapping[str, Any], task: Task) -> RenderableType:
    """The result of `livegold train`: figures on the newest part with the baseline, and the task's breakdown."""
    evaluated = listing(
        f"on the newest {found['evaluated_on']:,.0f}", "new model", "baseline", right=("new model", "baseline")
    )
    champion = found.get("champion")
    if champion:
        evaluated.add_column(f"champion {champion['version']}", justify="right", header_style=QUIET)
    for figure in task.figures:
        base = figure.text(found.get("baseline")) if figure.name == task.headline else ""
        own, other = figure.text(found.get(figure.name)), figure.text((champion or {}).get(figure.name))
        evaluated.add_row(figure.label, own, base, *([other] if champion else []))
    said = f"model version {found['version']} of {found['use_case']}"
    verdict = Text("champion", GOOD) if found["promoted"] else Text("not promoted", "yellow")
    head = Text.assemble((said, TITLE), ": ", verdict, f" ({found['why']})")
    learnt = Text(f"learnt from {found['trained_on']:,.0f} older events of {found['history']}", QUIET)
    parts: list[RenderableType] = [head, learnt, evaluated]
    breakdown = task.breakdown(found)
    if breakdown:
        (_, *columns), *rows = breakdown
        table = listing("", *columns, right=columns)
        for row in rows:
            table.add_row(*row)
        parts += [Text(""), table]
    return Group(*parts)


# ---- reconcile  -----------------------------------------------------------------------------------------------------


def equation(found: Any, published: int | None = None) -> Text:
    """published = raw = gold + quarantine + duplicates; `published` is by default what the hub holds."""
    published = found.hub if published is None else published
    begin = "" if published is None else f"published {published:,} = "
    return Text.assemble(
        f"{begin}raw {found.raw:,} = gold {found.predictions:,} + quarantine {found.quarantined:,} "
        f"+ duplicates {found.duplicates:,}  ",
        Text(CHECK, GOOD) if found.ok else Text(CROSS, BAD),
        no_wrap=True,
        overflow="ignore",
    )


def reasons(found: Any) -> RenderableType:
    """Why events are in quarantine; the value after a reason's colon is dropped, so that equal reasons are grouped."""
    grouped: dict[str, int] = {}
    for reason, n in found.reasons.items():
        short = reason.split(":", 1)[0]
        grouped[short] = grouped.get(short, 0) + n
    table = listing("reason", "events", right=("events",))
    for reason, n in sorted(grouped.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(reason, count(n))
    title = Text.assemble(
        (f"Quarantine: {found.quarantined:,} events", TITLE), (" (one may have several reasons)", QUIET)
    )
    return Group(title, table)


def reconciliation(found: Any) -> RenderableType:
    """`livegold reconcile`."""
    table = listing("where", "events", right=("events",))
    for name, n in (
        ("hub", found.hub),
        ("raw", found.raw),
        ("gold (predictions)", found.predictions),
        ("quarantine", found.quarantined),
        ("duplicates, recounted", found.duplicates),
    ):
        table.add_row(name, "not compared" if n is None else count(n))
    parts: list[RenderableType] = [table, Text(""), equation(found)]
    if found.reasons:
        parts += [Text(""), reasons(found)]
    if found.problems:
        parts += [Text(""), *(Text(f"{CROSS} {problem}", BAD) for problem in found.problems)]
    if found.notes:
        parts += [Text(""), *(Text(note, QUIET) for note in found.notes)]
    return Group(*parts)


# ---- publishing  ----------------------------------------------------------------------------------------------------


@contextmanager
def publishing(entity: str, total: int | None) -> Iterator[Callable[[int, float], None]]:
    """A progress bar on standard error, fed with (events so far, events per second)."""
    columns = [
        SpinnerColumn(),
        TextColumn("publishing {task.description}s"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(entity, total=total, rate="")
        yield lambda n, rate: progress.update(task, completed=n, rate=f"{rate:,.0f}/s")
