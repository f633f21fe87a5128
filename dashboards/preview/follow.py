"""The page that follows one event: type one in or take the next real one, and watch it reach each step.

How an event is published and found again is passed in (`Follows`); this module only shows it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Protocol

from nicegui import background_tasks, run, ui

from livegold.reporting.errors import LivegoldError
from livegold.reporting.specification import UseCase

ASSETS = Path(__file__).parent / "assets"
LOOK_SECONDS = 0.3
LONGEST_SECONDS = 600.0
"""After this time an unfinished event is no longer followed."""
NEXT_SECONDS = 10.0
WAITING = "waiting"
PRIMARY = "#0B4FAE"


class Step(Protocol):
    """A step of an event: when it was reached (seconds since 1970, or None if not yet), and its description."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def at(self) -> float | None: ...
    @property
    def text(self) -> str: ...


class Event(Protocol):
    """An event that is followed."""

    @property
    def value(self) -> bytes: ...
    @property
    def done(self) -> bool: ...
    @property
    def ended(self) -> str: ...
    def said(self) -> Sequence[Step]: ...


class Follows(Protocol):
    """Follows events; every call may be slow and may raise LivegoldError."""

    def sample(self) -> Mapping[str, Any]: ...
    def publish(self, fields: Mapping[str, Any]) -> Event: ...
    def next_one(self, seconds: float) -> Event: ...
    def look(self, event: Any, shown_tick: int | None) -> Sequence[Step]: ...


class FollowPage:
    """The page in one browser tab. `tick` returns the newest complete tick of Totals that the preview shows."""

    def __init__(self, case: UseCase, follows: Follows, tick: Callable[[], int | None]) -> None:
        self._case, self._follows, self._tick = case, follows, tick
        self._inputs: dict[str, Any] = {}
        self._event: Event | None = None

    async def build(self) -> None:
        """Creates the whole page."""
        ui.add_head_html(f"<style>{(ASSETS / 'preview.css').read_text(encoding='utf-8')}</style>")
        ui.colors(primary=PRIMARY)
        ui.add_head_html(f"<style>{(ASSETS / 'follow.css').read_text(encoding='utf-8')}</style>")
        entity = self._case.entity
        with ui.element("main").classes("lf-page"):
            with ui.element("header").classes("lf-head"):
                ui.link("← Back to the report", "/").classes("lf-back")
                ui.html(f"<h1>Follow one {escape(entity)}</h1><p>{escape(self._case.question)}</p>", sanitize=False)
            with ui.element("section").classes("lf-card lf-form").props('aria-label="The event"'):
                ui.html(f"<h2>The {escape(entity)}</h2>", sanitize=False)
                with ui.element("div").classes("lf-fields"):
                    for field in self._case.fields:
                        box = ui.input(field.name).props(f'dense outlined hint="{escape(field.type)}"')
                        self._inputs[field.name] = box.classes("lf-field")
                with ui.element("div").classes("lf-buttons"):
                    ui.button(f"Publish this {entity}", on_click=self._publish).props("unelevated no-caps")
                    ui.button("Take the next real one", on_click=self._next).props("outline no-caps")
                    ui.button("Make up another", on_click=self._fill).props("flat no-caps")
                self._problem = ui.label("").classes("lf-problem").props('role="alert"')
            with ui.element("section").classes("lf-card").props('aria-label="Its way" aria-live="polite"'):
                ui.html("<h2>Its way</h2>", sanitize=False)
                self._steps = ui.html('<p class="lf-quiet">Publish one, or take one.</p>', sanitize=False)
                self._bytes = ui.html("", sanitize=False)
        await self._fill()

    async def _fill(self) -> None:
        sample = await self._asked(self._follows.sample)
        for name, value in (sample or {}).items():
            if name in self._inputs:
                self._inputs[name].set_value("" if value is None else str(value))

    async def _publish(self) -> None:
        fields = {name: _typed(box.value) for name, box in self._inputs.items()}
        self._begin(await self._asked(self._follows.publish, fields))

    async def _next(self) -> None:
        self._begin(await self._asked(self._follows.next_one, NEXT_SECONDS))

    async def _asked(self, call: Callable[..., Any], *values: Any) -> Any:
        """The result of `call`, or None with the reason shown on the page."""
        self._problem.set_text("")
        try:
            return await run.io_bound(call, *values)
        except LivegoldError as error:
            self._problem.set_text(str(error))
            return None

    def _begin(self, event: Event | None) -> None:
        if event is None:
            return
        self._event = event
        text = event.value.decode("utf-8", "replace")
        self._bytes.set_content(f"<details open><summary>Its bytes</summary><pre>{escape(text)}</pre></details>")
        background_tasks.create(self._watch(event), name="follow")

    async def _watch(self, event: Event) -> None:
        """Polls until the event is done, another one is followed, the tab is closed, or LONGEST_SECONDS have passed."""
        client = self._steps.client
        until = asyncio.get_running_loop().time() + LONGEST_SECONDS
        while self._event is event and not client.is_deleted and asyncio.get_running_loop().time() < until:
            with client:
                steps = await self._asked(self._follows.look, event, self._tick())
                self._steps.set_content(steps_html(steps or event.said(), event.ended))
            if event.done:
                return
            await asyncio.sleep(LOOK_SECONDS)


def steps_html(steps: Sequence[Step], ended: str) -> str:
    """The steps as a list: when each was reached, and how long after the first."""
    first = next((s.at for s in steps if s.at is not None), None)
    rows = []
    for step in steps:
        if step.at is None:
            state = "lf-never" if ended else "lf-waits"
            said = "not reached" if ended else WAITING
            rows.append(_row(state, "○", step.name, step.title, "", said))
            continue
        clock = f"{dt.datetime.fromtimestamp(step.at, dt.UTC):%H:%M:%S.%f}"[:-3]
        after = "" if first is None or step.at == first else f"+{step.at - first:.1f} s"
        rows.append(_row("lf-done", "●", step.name, step.title, f"{clock} {after}".strip(), step.text))
    end = f'<p class="lf-ended">▼ {escape(ended)}</p>' if ended else ""
    return f'<ol class="lf-steps">{"".join(rows)}</ol>{end}'


def _row(state: str, mark: str, name: str, title: str, when: str, text: str) -> str:
    return (
        f'<li class="{state}" data-step="{escape(name)}"><span class="lf-mark" aria-hidden="true">{mark}</span>'
        f'<span class="lf-title">{escape(title)}</span><span class="lf-when">{escape(when)}</span>'
        f'<span class="lf-text">{escape(text)}</span></li>'
    )


def _typed(text: Any) -> Any:
    """The text as a number if it is one, as in an event's JSON; None if it is empty."""
    text = str(text or "").strip()
    if not text:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
