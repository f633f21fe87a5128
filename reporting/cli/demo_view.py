"""The display of a demo: its start-up steps, the live state, the summary. Decides and counts nothing."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.text import Text

from livegold.reporting.cli import view
from livegold.reporting.cli.view import BAD, CHECK, CROSS, GOOD, QUIET, TITLE
from livegold.reporting.tasks import Figure, Quality, Task

LINE_SECONDS = 5.0
"""Interval between lines when there is no terminal."""


@dataclass
class Step:
    """Something being started or stopped; times are seconds of the monotonic clock."""

    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    note: str = ""

    @property
    def seconds(self) -> float:
        return (self.ended or time.monotonic()) - self.began


@dataclass
class DemoState:
    """Everything a demo shows at a given moment."""

    case: str
    question: str
    task: Task
    notes: list[str]
    minutes: float
    steps: dict[str, Step] = field(default_factory=dict)
    first_event: float | None = None
    page: str = ""
    stopping: bool = False
    counting: bool = False
    published: int = 0
    rate: float = 0.0
    expected: int | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    sink: Mapping[str, Any] = field(default_factory=dict)
    quality: Quality | None = None
    model: Mapping[str, Any] | None = None

    def begin(self, step: str) -> None:
        self.steps[step] = Step()

    def end(self, step: str, note: str = "") -> None:
        self.steps[step].ended = time.monotonic()
        self.steps[step].note = note

    @property
    def elapsed(self) -> float:
        """Seconds since the first event, at most the demo's minutes."""
        since = 0.0 if self.first_event is None else time.monotonic() - self.first_event
        return min(since, self.minutes * 60)


class Screen:
    """Shows a changing state: redrawn in place on a terminal, as lines elsewhere."""

    def __init__(self, state: DemoState, console: Console) -> None:
        self._state = state
        self._console = console
        self._spinner = Spinner("dots")
        self._said: set[tuple[str, bool]] = set()
        self._last_line = 0.0
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        for note in self._state.notes:
            self._console.print(Text(note, QUIET))
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self) -> None:
        """Must be called whenever the state may have changed."""
        if self._live is not None:
            return
        state = self._state
        for name, step in state.steps.items():
            ended = step.ended is not None
            if (name, ended) not in self._said:
                self._said.add((name, ended))
                self._line(f"{name}: {step.note or 'ready'} ({step.seconds:.1f} s)" if ended else f"{name} ...")
        moving = state.first_event is not None and not state.counting
        if moving and time.monotonic() - self._last_line >= LINE_SECONDS:
            self._last_line = time.monotonic()
            self._line(line(state))

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        sys.stdout.flush()

    def _draw(self) -> RenderableType:
        state = self._state
        parts = [_head(state), Text("")]
        if state.first_event is None:
            parts.append(self._steps())
        else:
            parts += [_counts(state), Text(""), view.queries(state.status), Text(""), _delivery(state)]
            parts.append(_model(state))
            if state.stopping:
                parts += [Text(""), self._steps("ending: ")]
        return Group(*parts)

    def _steps(self, of: str = "") -> RenderableType:
        table = view.grid("left", "left", "right", "left")
        for name, step in self._state.steps.items():
            if not name.startswith(of) or (of and step.ended):
                continue
            mark: RenderableType = Text(CHECK, GOOD) if step.ended else self._spinner
            table.add_row(mark, name, f"{step.seconds:.1f} s", Text(step.note, QUIET))
        return table


def _head(state: DemoState) -> RenderableType:
    table = view.grid("left", "right")
    table.expand = True
    clock = "Ctrl-C ends it"
    if state.first_event is not None:
        clock = f"{_minutes(state.elapsed)} of {_minutes(state.minutes * 60)} · Ctrl-C ends it"
    table.add_row(Text.assemble(("livegold demo", TITLE), f" · {state.case}"), Text(clock, QUIET))
    table.add_row(Text(state.question, "italic"), Text(state.page, "cyan"))
    return table


def _counts(state: DemoState) -> RenderableType:
    gold = state.status.get("gold", {})
    raw = state.status.get("queries", {}).get("raw", {}).get("committed") or 0
    events = gold.get("events", 0)
    table = view.grid("left", "right", "left", "left")
    bar: RenderableType = ""
    if state.expected:
        bar = ProgressBar(total=state.expected, completed=state.published, width=30)
    table.add_row(Text("published", TITLE), view.count(state.published), Text(f"{state.rate:,.0f}/s", QUIET), bar)
    table.add_row("raw", view.count(raw), _left(state.published - raw))
    table.add_row("through gold", view.count(events), _left(state.published - events))
    table.add_row("  scored", view.count(gold.get("predictions", 0)), "")
    for name in ("quarantined", "duplicates", "late"):
        n = gold.get(name, 0)
        of = f"{n / events:.1%}" if events else ""
        table.add_row(f"  {name}", view.count(n), Text(of + (" (scored too)" if name == "late" else ""), QUIET))
    return table


def _left(n: int) -> Text:
    return Text(f"{n:,} to come" if n > 0 else "", QUIET)


def _delivery(state: DemoState) -> RenderableType:
    sink = state.sink
    if "rows_limit" not in sink:
        return Text.assemble(("Power BI", TITLE), "  dataset is being made")
    table = view.grid("left", "left")
    newest = view.ago(sink.get("last_accepted_at"))
    table.add_row(
        Text("Power BI", TITLE), f"{sink['rows_delivered']:,} rows delivered {sink['mode']}, the last {newest}"
    )
    table.add_row("", Text(sink["details"]["limits"], QUIET))
    if sink.get("stopped"):
        table.add_row("", Text(f"stopped: {sink['stopped']}", BAD))
    return table


def _model(state: DemoState) -> RenderableType:
    version = state.status.get("model_version") or (state.model or {}).get("version", "")
    said = [(f"Model {version}", TITLE)]
    quality = state.quality
    if quality is None or not quality.known:
        return Text.assemble(*said, "  no outcome known yet")
    return Text.assemble(
        *said,
        f"   {state.task.sentence(quality.figures)}, of {quality.known:,} with a known outcome",
    )


def line(state: DemoState) -> str:
    """The state in one line, for output without a terminal."""
    gold, sink = state.status.get("gold", {}), state.sink
    raw = state.status.get("queries", {}).get("raw", {}).get("committed") or 0
    text = (
        f"{_minutes(state.elapsed)} published {state.published:,} ({state.rate:,.0f}/s), raw {raw:,}, "
        f"scored {gold.get('predictions', 0):,}, quarantined {gold.get('quarantined', 0):,}, "
        f"duplicates {gold.get('duplicates', 0):,}, late {gold.get('late', 0):,}"
    )
    if "rows_limit" in sink:
        text += f", pushed {sink['rows_delivered']:,} rows"
        text += f" ({sink['posts_last_minute']} of {sink['posts_limit']} POSTs a minute)"
    if state.quality is not None and state.quality.known:
        text += f", {state.task.sentence(state.quality.figures)}"
    return text


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@dataclass(frozen=True)
class Summary:
    """The final results of a demo.

    `usecase` is the name or file it was given, `found` a Reconciliation; `evaluated` names the events that `quality` is
    computed over. `others` of the acknowledged events were published by somebody else.
    """

    state: DemoState
    usecase: str
    found: Any
    acknowledged: int | None
    others: int
    quality: Quality | None
    evaluated: str
    problems: tuple[str, ...]
    home: Path


def summary(end: Summary) -> RenderableType:
    """The last thing a demo shows."""
    state = end.state
    parts: list[RenderableType] = [
        Text.assemble(("livegold demo", TITLE), f" · {state.case} · {_minutes(state.elapsed)} minutes of events"),
        Text(""),
        view.equation(end.found, end.acknowledged),
    ]
    if end.others:
        parts.append(Text(f"of these, {end.others:,} were published besides the demo's own", QUIET))
    if end.found.reasons:
        parts += [Text(""), view.reasons(end.found)]
    parts += [Text(""), _quality(end), Text(""), _delivered(state.sink)]
    parts += [Text(""), *(Text(f"{CROSS} {problem}", BAD) for problem in end.problems)] if end.problems else []
    parts += [Text(""), Text(f"Everything is in {end.home}; to look at it:", QUIET)]
    for command in (f"preview {shlex.quote(end.usecase)} --rows gold", "status"):
        parts.append(Text(f"  LIVEGOLD_HOME={shlex.quote(str(end.home))} livegold {command}", QUIET))
    return Group(*parts)


def _quality(end: Summary) -> RenderableType:
    headline, *others = sorted(end.state.task.figures, key=lambda f: f.name != end.state.task.headline)
    # The baseline is shown next to the figure it belongs to.
    figures = (headline, Figure("baseline", "baseline", headline.format), *others)
    columns = ("events", *(f.label for f in figures))
    table = view.listing("on", *columns, right=columns)
    rows: list[tuple[str, Mapping[str, Any]]] = []
    model = end.state.model
    if model:
        rows.append((f"version {model['version']}: newest fifth of its history", model))
    quality = end.quality
    if quality is not None and quality.known:
        rows.append((f"live: {end.evaluated}", {"evaluated_on": quality.known, **quality.figures}))
    elif quality is not None:
        rows.append((f"live: {end.evaluated}, none came", {}))
    for name, found in rows:
        table.add_row(
            name,
            view.count(found.get("evaluated_on")),
            *(figure.text(found.get(figure.name)) for figure in figures),
        )
    baseline = f" (baseline: {end.state.task.baseline})"
    return Group(Text.assemble(("Model quality where the outcome is known", TITLE), (baseline, QUIET)), table)


def _delivered(sink: Mapping[str, Any]) -> RenderableType:
    if "tables" not in sink:
        return Text("Power BI: nothing was delivered", BAD)
    title = f"Delivered to Power BI {sink['mode']}, dataset {sink.get('dataset_name')}"
    table = view.listing("table", "rows", "POSTs", right=("rows", "POSTs"))
    for name, delivered in sink["tables"].items():
        table.add_row(name, view.count(delivered["rows"]), view.count(delivered["chunks"]))
    posts = sum(t["chunks"] for t in sink["tables"].values())
    table.add_row(Text("in all", TITLE), view.count(sink["rows_delivered"]), view.count(posts))
    return Group(Text(title, TITLE), table)
