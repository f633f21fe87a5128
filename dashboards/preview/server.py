"""Runs the preview of a use case: its template, its rows, a web server on this machine only."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from livegold.dashboards.preview.engine import Engine
from livegold.dashboards.preview.feed import Feed
from livegold.dashboards.preview.follow import FollowPage, Follows
from livegold.dashboards.preview.gold_rows import GoldRows
from livegold.dashboards.preview.service_rows import ServiceRows
from livegold.dashboards.preview.tab import Tab
from livegold.dashboards.preview.tables import Tables
from livegold.dashboards.preview.template import Template, read_files, read_folder
from livegold.dashboards.template import template_files
from livegold.reporting.errors import WrongUse
from livegold.reporting.powerbi import dataset_name
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

HOST = "127.0.0.1"
RowsFrom = Literal["service", "gold"]


def template_of(case: UseCase, folder: Path | None) -> Template:
    """The template in a folder, or the one derived from the use case."""
    if folder is not None:
        return read_folder(folder)
    return read_files(template_files(case, "push"), f"template of {case.name}")


def run_preview(
    settings: Settings,
    case: UseCase,
    *,
    template: Path | None = None,
    rows: RowsFrom = "service",
    port: int = 0,
    follows: Follows | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serves the preview until interrupted. `ready` gets its URL once it responds; port 0 picks a free one.

    With `follows` there is a page that follows one event.

    Only one per process, because NiceGUI's pages are global. WrongUse for an invalid template or a port in use.
    """
    read = template_of(case, template)
    tables = Tables(case, over_gold=rows == "gold")
    source = GoldRows(tables, settings) if rows == "gold" else ServiceRows(tables, settings.home, dataset_name(case))
    engine = Engine(tables)
    listener = _listener(port)
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    with Feed(tables, source) as feed:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        _serve_pages(app, case, read, engine, feed, follows)
        config = uvicorn.Config(
            app, log_level="error", lifespan="on", ws="websockets-sansio", timeout_graceful_shutdown=1
        )
        server = _Server(config, lambda: ready(address))
        with _ended_well():
            server.run(sockets=[listener])
    tables.close()


def _serve_pages(
    app: FastAPI, case: UseCase, template: Template, engine: Engine, feed: Feed, follows: Follows | None
) -> None:
    @ui.page("/", title=f"{template.name} · live preview", response_timeout=30)
    def tab(page: str = "", drill: str = "") -> None:
        Tab(template, engine, feed, entity=case.entity if follows else "").build(page, drill)

    if follows is not None:

        @ui.page("/follow", title=f"Follow one {case.entity} · {template.name}", response_timeout=30)
        async def follow() -> None:
            await FollowPage(case, follows, engine.tables.tick).build()

    ui.run_with(
        app,
        title=f"{template.name} · live preview",
        favicon="📊",
        tailwind=False,
        show_welcome_message=False,
        # Kept for browsers that reconnect; more would only be outdated states of charts.
        message_history_length=100,
        reconnect_timeout=10.0,
        binding_refresh_interval=None,
    )


@contextmanager
def _ended_well() -> Iterator[None]:
    """Makes a requested shutdown exit normally: uvicorn shuts down, then raises the signal again, which is ignored."""
    wanted = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: None) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._said = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._said()


def _listener(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
    except OSError:
        made.close()
        raise WrongUse(f"preview: port {port} is taken: give another with --port, or 0 for a free one") from None
    return made
