"""Shows the delivery bench as tables in a terminal. Computes nothing that affects the outcome."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table

from livegold.reporting.bench.delivery import Delivered
from livegold.reporting.bench.naive import Naive
from livegold.reporting.powerbi.limits import MAX_POSTS_PER_MINUTE, MAX_ROWS_PER_HOUR
from livegold.reporting.schema import PULSE, SPOTLIGHT, TOTALS


def shown(delivered: Sequence[Delivered], naive: Naive | None) -> Group:
    """All tables: figures side by side, measures compared with gold, and the checks."""
    return Group(_figures(delivered, naive), *map(_checkpoints, delivered), *map(_checks, delivered))


def _figures(delivered: Sequence[Delivered], naive: Naive | None) -> Table:
    table = Table(title="Delivery to Power BI in simulated time, over the real client, sink and local service")
    table.add_column("")
    for one in delivered:
        table.add_column(f"livegold, {one.case}", justify="right")
    if naive:
        table.add_column("naive push, a row an event", justify="right")
    columns = [_of_livegold(d) for d in delivered] + ([_of_naive(naive)] if naive else [])
    for name in dict.fromkeys(n for column in columns for n in column):
        table.add_row(name, *(column.get(name, "") for column in columns))
    return table


def _of_livegold(one: Delivered) -> dict[str, str]:
    told, (median, longest) = one.told, one.behind
    return {
        "simulated hours": f"{one.demand.hours:g}",
        "events": f"{told.events:,}",
        "of them in the tiles": f"{one.events_shown / told.events:.1%}",
        "of them late, up to two hours": f"{told.late:,}",
        "batches of gold, of the feed": f"{told.gold_batches:,}, {told.feed_batches:,}",
        "POSTs": f"{one.posts:,}",
        "429 answers": f"{one.statuses.get(429, 0):,}",
        "rows sent": f"{sum(one.rows.values()):,}",
        "rows of Pulse (in gold)": f"{one.rows[PULSE]:,} ({told.pulse_rows:,})",
        "rows of Totals": f"{one.rows[TOTALS]:,}",
        "rows of Spotlight": f"{one.rows[SPOTLIGHT]:,}",
        "spotlight rows thinned": f"{one.thinned:,} of {told.spotlight_rows:,}",
        f"most rows in an hour, of {MAX_ROWS_PER_HOUR:,}": f"{one.most_rows_an_hour:,}",
        f"most POSTs in a minute, of {MAX_POSTS_PER_MINUTE}": f"{one.most_posts_a_minute:,}",
        "texts cut, values nulled": f"{one.cut:,}, {one.nulled:,}",
        "time that Pulse holds in the end": _time(one.checkpoints[-1].span) if one.checkpoints else "",
        "behind, median": _time(median),
        "behind, longest": _time(longest),
        "wall time (of it comparing)": f"{one.wall_seconds:,.0f} s ({one.compared_seconds:,.0f} s)",
    }


def _of_naive(one: Naive) -> dict[str, str]:
    return {
        "simulated hours": f"{one.hours:.1f}",
        "events": f"{one.events:,}",
        "of them in the tiles": f"{one.accepted / one.events:.1%}",
        "POSTs": f"{one.posts:,}",
        "429 answers": f"{one.refusals:,}",
        "rows sent": f"{one.accepted:,}",
        "rows given up after the last try": f"{one.given_up:,}",
        "events not sent yet": f"{one.waiting:,}",
        f"most rows in an hour, of {MAX_ROWS_PER_HOUR:,}": f"{one.most_rows_an_hour:,}",
        f"most POSTs in a minute, of {MAX_POSTS_PER_MINUTE}": f"{one.most_posts_a_minute:,}",
        "behind, longest": _time(one.behind),
        "wall time (of it comparing)": f"{one.wall_seconds:,.0f} s",
    }


def _checkpoints(one: Delivered) -> Table:
    table = Table(title=f"{one.case}: every measure on the service's rows, beside gold")
    names = ("hour", "after", "Pulse rows ever", "held", "span whole", "values", "differ", "window not held", "by DAX")
    for name in names:
        table.add_column(name, justify="right")
    for c in one.checkpoints:
        table.add_row(
            f"{c.hour:.1f}",
            c.spell,
            f"{c.stored:,}",
            f"{c.held:,}",
            _time(c.span),
            f"{c.compared.values:,}",
            f"{len(c.compared.differences):,}",
            f"{c.compared.not_held:,}",
            "" if c.dax is None else f"{c.dax.values:,}, {len(c.dax.differences):,} differ",
        )
    return table


def _checks(one: Delivered) -> Table:
    table = Table(title=f"{one.case}: what must hold")
    for name in ("", "wanted", "found", ""):
        table.add_column(name, overflow="fold")
    for check in one.checks:
        table.add_row(check.name, check.wanted, check.found, "yes" if check.passed else "NO")
    return table


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3 * 3_600 else f"{seconds / 3_600:.1f} h"
