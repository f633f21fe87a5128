"""One browser tab of the preview: which page is open, what is selected, and when it is redrawn.

The visuals of a page are a `Board`, in `board`; what they show comes from `engine`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import time
from html import escape
from pathlib import Path
from typing import Any

from nicegui import background_tasks, events, run, ui

from livegold.dashboards.preview.board import Board
from livegold.dashboards.preview.context import Chosen, cut_off_at_start, drilled
from livegold.dashboards.preview.engine import Engine
from livegold.dashboards.preview.feed import Feed
from livegold.dashboards.preview.plan import Plan
from livegold.dashboards.preview.template import Page, Template
from livegold.reporting.drawing import Filters

ASSETS = Path(__file__).parent / "assets"
CLOCK_SECONDS = 1.0
"""How often a tab checks the time: data becomes stale even without new rows."""
MAX_DRILLS = 20
FIRST_VALUE = "*"
"""Stands for the first value of a dimension in the URL of a drill-through page."""


class Tab:
    """One browser tab: its page, its selection, what was drilled through to. Create it inside a NiceGUI page."""

    def __init__(self, template: Template, engine: Engine, feed: Feed, *, entity: str = "") -> None:
        """With `entity` there is a link to the page that follows one such entity."""
        self.template = template
        self._entity = entity
        self.engine = engine
        self.feed = feed
        self._chosen: dict[str, Chosen] = {}
        self._back: list[tuple[Page, Chosen]] = []
        self._seen: tuple[Any, ...] = ()
        self._changes = 0
        self._tips: dict[str, Board] = {}
        self._abouts: dict[str, ui.label] = {}
        self._news = asyncio.Event()
        self.board: Board

    def build(self, page: str = "", drill: str = "") -> None:
        """Creates the whole page. `page` is a name or title; `drill` is a label, for a drill-through page."""
        ui.add_head_html(f"<style>{(ASSETS / 'preview.css').read_text(encoding='utf-8')}</style>")
        ui.add_body_html(f"<script>{(ASSETS / 'preview.js').read_text(encoding='utf-8')}</script>")
        ui.colors(primary=self.template.theme.colour("tableAccent", "#0B5FD0"))
        self._room = ui.element("main").classes("lg-room")
        with ui.element("div").classes("lg-menu") as self._menu:
            self._menu.props["role"] = "menu"
        self._floats = {p.name: self._float(p) for p in self.template.pages if p.kind == "tooltip"}
        self._banner = ui.label("").classes("lg-banner lg-none").props('role="status"')
        with ui.element("footer").classes("lg-foot"):
            self._tabs = ui.html("", sanitize=False)
            if self._entity:
                ui.link(f"Follow one {self._entity}", "/follow").classes("lg-follow")
            self._status = ui.label("").classes("lg-status")
        ui.on("lg_page", lambda e: self._open_named(e.args["page"]))
        ui.on("lg_back", lambda e: self.go_back())
        ui.on("lg_hover", self._hovered)
        ui.on("lg_menu", self._asked_for_menu)
        first = self._find(page)
        if first.kind == "drillthrough" and drill:
            name = self.engine.vocabulary.dimension(first.bound[0])
            labels = self.engine.labels(name)
            keys = tuple(v.key for v in labels if drill in (v.label, v.key))
            if drill == FIRST_VALUE and labels:
                keys = (labels[0].key,)
            self.open(first, Chosen(first, opened_with=Filters().among(name, keys or (drill,))))
        else:
            self.open(first)
        client, loop = ui.context.client, asyncio.get_running_loop()
        self._client = client
        self.feed.listen(self, lambda: _tell(loop, self._news))
        client.on_delete(lambda: self.feed.leave(self))
        background_tasks.create(self._follow(), name="preview tab")

    def open(self, page: Page, chosen: Chosen | None = None) -> None:
        """Shows a page, with its earlier selection."""
        chosen = chosen or self._chosen.setdefault(page.name, Chosen(page))
        for visual in page.visuals:
            if visual.kind == "slicer" and visual.name not in chosen.by_slicer:
                start = cut_off_at_start(visual)
                if start is not None:
                    chosen.choose(visual.name, Filters(cut_off=start))
        self._room.clear()
        with self._room, ui.element("div").classes("lg-fit"):
            stage = ui.element("div").classes("lg-stage")
            stage.props["data-page"] = f"{page.width:g},{page.height:g}"
            if page.height > 720:
                stage.props["data-grown"] = "1"
            if page.has_phone:
                lowest = max(v.phone.y + v.phone.height for v in page.visuals if v.phone)
                stage.props["data-phone"] = f"324,{lowest + 8:g}"
            with stage:
                self.board = Board(self.engine, self.template, page, chosen, self.choose)
        self._room.style(f"background:{page.background}")
        tabs = "".join(
            f'<button class="lg-tab" data-page="{escape(p.name)}"{_current(p is page)}>{escape(p.shown)}</button>'
            for p in (*self.template.tabs, *((page,) if page not in self.template.tabs else ()))
        )
        self._tabs.set_content(tabs)
        self._seen = ()
        self._news.set()
        ui.run_javascript("livegold.fit()")

    def go_back(self) -> None:
        if self._back:
            self.open(*self._back.pop())
        elif self.board.page.kind != "page":
            self.open(self.template.tabs[0])

    def choose(self, slicer: str, filters: Filters) -> None:
        """Handles a selection on the open page."""
        self.board.chosen.choose(slicer, filters)
        self._changes += 1
        self._news.set()

    # Keeping it up to date.

    async def _follow(self) -> None:
        """Redraws when rows arrive, when the selection changes, and every second."""
        await self._client.connected()
        while not self._client.is_deleted:
            with self._client:
                await self._look()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._news.wait(), CLOCK_SECONDS)
            self._news.clear()

    async def _look(self) -> None:
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
        state = (self.feed.version, self._changes, now, id(self.board))
        if state == self._seen:
            return
        if self._seen[:2] != state[:2] or self._seen[3:] != state[3:]:
            self.board.refresh_slicers()
        self._seen = state
        await self._draw(self.board, now)
        self._say()

    async def _draw(self, board: Board, now: dt.datetime) -> None:
        asked = board.questions()
        answers = await run.io_bound(self.engine.ask, [(q, f) for _, q, f in asked], now)
        if answers is None or (board is not self.board and board not in self._tips.values()):
            return
        found = {name: answer for (name, _, _), answer in zip(asked, answers, strict=True)}
        for name in sorted(found, key=lambda n: board.plans[n].turn):
            board.show(name, found[name])
            await asyncio.sleep(0)

    def _say(self) -> None:
        trouble = self.feed.trouble(time.time())
        if self._banner.text != trouble:
            self._banner.set_text(trouble)
            self._banner.classes(remove="lg-none") if trouble else self._banner.classes(add="lg-none")
        summary = self.feed.summary()
        if self._status.text != summary:
            self._status.set_text(summary)

    # Tooltips and drill-through.

    def _float(self, page: Page) -> Any:
        with ui.element("div").classes("lg-float") as made:
            made.props["data-page"] = page.name
            made.style(f"width:{page.width:g}px;height:{page.height + 26:g}px")
            self._abouts[page.name] = ui.label("").classes("lg-about")
            with ui.element("div").classes("lg-inside").style(f"width:{page.width:g}px;height:{page.height:g}px"):
                self._tips[page.name] = Board(self.engine, self.template, page, Chosen(page), self.choose)
        return made

    async def _hovered(self, event: events.GenericEventArguments) -> None:
        name, key = str(event.args["visual"]), event.args["key"]
        board = self.board
        point = board.point(name, key)
        plan = board.plans.get(name)
        if point is None or plan is None:
            return
        page = str(plan.visual.look("visualTooltip", "section", ""))
        tip = self._tips.get(page)
        if tip is None:
            return
        tip.chosen.opened_with = point
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
        await self._draw(tip, now)
        self._abouts[page].set_text(self._about(plan, point))
        ui.run_javascript(
            f"livegold.showTooltip({json.dumps(page)}, {float(event.args['x'])}, {float(event.args['y'])})"
        )

    def _about(self, plan: Plan, point: Filters) -> str:
        """The subject of a tooltip, in words."""
        for name in plan.dimensions:
            keys = dict(point.values).get(name, ())
            labels = [v.label for v in self.engine.labels(name) if v.key in keys]
            if labels:
                return ", ".join(labels)
        return f"{point.first:%H:%M:%S} UTC" if point.first else ""

    def _asked_for_menu(self, event: events.GenericEventArguments) -> None:
        name, key = str(event.args["visual"]), event.args["key"]
        board = self.board
        point, plan = board.point(name, key), board.plans.get(name)
        if point is None or plan is None:
            return
        self._menu.clear()
        with self._menu:
            for page, dimension in board.targets(plan):
                keys = dict(point.values).get(dimension, ())
                label = next((v.label for v in self.engine.labels(dimension) if v.key in keys), "")
                target = Chosen(page, opened_with=drilled(point, board.chosen.whole, dimension, page.keeps_filters))
                button = ui.element("button").props('role="menuitem"')
                button.on("click", lambda _, t=target: self._drill(t))
                with button:
                    ui.html(f"Drill through to <b>{escape(page.shown)}</b>: {escape(label)}", sanitize=False)
        ui.run_javascript(f"livegold.showMenu({float(event.args['x'])}, {float(event.args['y'])})")

    def _drill(self, target: Chosen) -> None:
        self._back = [*self._back, (self.board.page, self.board.chosen)][-MAX_DRILLS:]
        ui.run_javascript("livegold.closeMenu()")
        self.open(target.page, target)

    def _open_named(self, name: str) -> None:
        page = self.template.by_name.get(name)
        if page is not None and page is not self.board.page:
            self._back = []
            self.open(page)

    def _find(self, name: str) -> Page:
        for page in self.template.pages:
            if name and name.lower() in (page.name.lower(), page.shown.lower()):
                return page
        return self.template.by_name.get(self.template.active, self.template.pages[0])


def _current(is_current: bool) -> str:
    return ' aria-current="page"' if is_current else ""


def _tell(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    # At shutdown rows may arrive after the loop is closed.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(news.set)
