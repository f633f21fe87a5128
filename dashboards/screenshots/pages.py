"""Takes screenshots of a template's pages as they are now, in the preview, with a headless Chromium.

Fails if a page logs an error or requests anything that is not on this machine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlencode

from livegold.dashboards.preview import FIRST_VALUE, Page, template_of
from livegold.dashboards.screenshots.browser import Browser
from livegold.reporting.errors import CheckFailed
from livegold.reporting.settings import Settings, variable_of
from livegold.reporting.specification import load_use_case

DESKTOP_WIDTH, PHONE_WIDTH, FOOT = 1280, 390, 38
SCALE = 2.0
START_SECONDS = 60.0
SETTLE_SECONDS = 0.4
MAX_HEIGHT = 8_000
ADDRESS = re.compile(r"preview: (http://\S+)")


def take_screenshots(
    settings: Settings, usecase: str, folder: Path, *, template: Path | None = None, rows: str = "service"
) -> list[Path]:
    """A PNG of every page, `<page>.png` and `<page>-phone.png`; a drill-through page is shown for its first value.

    `usecase` is a name or a path. Raises WrongUse without Chromium, and CheckFailed for a page with an error.
    """
    read = template_of(load_use_case(usecase), template)
    made: list[Path] = []
    with Browser(DESKTOP_WIDTH, 720 + FOOT, SCALE) as browser, serving(settings, usecase, template, rows) as address:
        for page in read.pages:
            if page.kind == "tooltip":
                continue
            query = {"page": page.name, **({"drill": FIRST_VALUE} if page.kind == "drillthrough" else {})}
            name = re.sub(r"[^\w-]+", "-", page.shown.lower()).strip("-") or page.name
            for phone in (False, True):
                _open(browser, f"{address}/?{urlencode(query)}", page, phone)
                made.append(browser.screenshot(folder / f"{name}{'-phone' if phone else ''}.png"))
        browser.check()
    return made


def _open(browser: Browser, address: str, page: Page, phone: bool) -> None:
    width, height = (
        (PHONE_WIDTH, 844) if phone else (DESKTOP_WIDTH, round(page.height * DESKTOP_WIDTH / page.width) + FOOT)
    )
    browser.resize(width, height, SCALE, touch=phone)
    browser.open(address)
    browser.wait(f"page {page.shown}", lambda: browser.run(_READY))
    if phone:
        whole = browser.run("return document.querySelector('.lg-room').scrollHeight") + FOOT
        browser.resize(width, min(int(whole), MAX_HEIGHT), SCALE, touch=True)
    time.sleep(SETTLE_SECONDS)


# True once every visual that shows rows has been filled, and every chart has been drawn.
_READY = """
const shown = [...document.querySelectorAll('.lg-room .lg-visual')];
return shown.length > 0 && !!window.livegold && document.querySelector('.lg-status').textContent.length > 0
  && shown.every(v => (!v.querySelector('.nicegui-echart') || v.querySelector('.nicegui-echart svg'))
      && (!v.querySelector('.lg-body.lg-filled') || v.querySelector('[data-rows]')));
"""


@contextmanager
def serving(settings: Settings, usecase: str, template: Path | None = None, rows: str = "service") -> Iterator[str]:
    """Runs a preview in a separate process for the duration of a `with` block; yields its URL."""
    environment = {**os.environ, variable_of("home"): str(settings.home)}
    command = [sys.executable, "-P", "-m", "livegold", "preview", usecase, "--no-open", "--rows", rows]
    if template is not None:
        command += ["--template", str(template)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            yield _address(process, errors)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[str], errors: IO[str]) -> str:
    assert process.stdout is not None
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        line = process.stdout.readline()
        found = ADDRESS.search(line)
        if found:
            return found[1]
        if not line and process.poll() is not None:
            break
    errors.seek(0)
    lines = errors.read().strip().splitlines()
    raise CheckFailed(f"the preview did not start: {lines[-1] if lines else 'it said nothing'}")
