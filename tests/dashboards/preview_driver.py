"""Drives the live preview as a person does, in headless Chromium, and reads what its visuals say. No tests in here."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from livegold.dashboards.screenshots import Browser
from visual_oracle import Chosen, Oracle, Page, Visual, differences

ADDRESS = re.compile(r"preview: (http://\S+)")
PATIENCE = 60.0
LOOK = 0.1
READ = """
const found = {};
for (const name of arguments[0]) found[name] = window.livegold ? livegold.values(name) : null;
return found;
"""


@contextlib.contextmanager
def previewing(home: Path, usecase: str, template: Path) -> Iterator[str]:
    """A preview of its own process, for what is in `home`; yields its address."""
    program = "from livegold.reporting.cli.main import main; main()"
    command = [sys.executable, "-c", program, "preview", usecase, "--template", str(template), "--no-open"]
    environment = {**os.environ, "LIVEGOLD_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    log = home / "preview.log"
    with log.open("w+", encoding="utf-8") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + PATIENCE
            while not (found := ADDRESS.search(log.read_text(encoding="utf-8"))):
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"the preview did not start: {log.read_text(encoding='utf-8')}")
                time.sleep(LOOK)
            yield found[1]
        finally:
            process.terminate()
            process.wait(30)
    said = log.read_text(encoding="utf-8")
    assert "Traceback" not in said, said


@contextlib.contextmanager
def window(browser: Browser, home: Path, usecase: str, template: Path) -> Iterator[Driver]:
    """A preview and what drives it; at the end the page must have logged no error and asked for nothing elsewhere."""
    with previewing(home, usecase, template) as address:
        yield Driver(browser, address)
        browser.check()
        # A page that is left open would complain that its server is gone.
        browser.open("about:blank")


class Driver:
    """One window on one preview. `chosen` of a call is what was chosen on the page that is open."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.browser = browser
        self.address = address

    def open(self, page: Page, drill: str = "") -> None:
        query = {"page": page.name} | ({"drill": drill} if drill else {})
        self.browser.open(f"{self.address}/?{urlencode(query)}")
        self.browser.wait(f"page {page.title}", lambda: self._has(page), PATIENCE)

    def tab(self, page: Page) -> None:
        """Goes to a page by its tab."""
        self.browser.driver.find_element(By.CSS_SELECTOR, f'button.lg-tab[data-page="{page.name}"]').click()
        self.browser.wait(f"page {page.title}", lambda: self._has(page), PATIENCE)

    def _has(self, page: Page) -> bool:
        """Whether it is there and laid out, with values in every visual that shows some and can be drawn."""
        shown = [v for v in page.visuals if not v.hidden]
        return bool(self.browser.run(LAID_OUT, [v.name for v in shown], [v.name for v in shown if v.shows_values]))

    # What is there.

    def values(self, visuals: Sequence[Visual]) -> dict[str, Any]:
        found: dict[str, Any] = self.browser.run(READ, [v.name for v in visuals])
        return found

    def cannot(self, visual: Visual) -> str:
        """What the page says of a visual that it cannot draw."""
        script = "const e = document.querySelector(arguments[0] + ' .lg-cannot'); return e ? e.textContent : ''"
        return str(self.browser.run(script, at(visual)))

    def different(self, oracle: Oracle, page: Page, chosen: Chosen) -> list[str]:
        """What the page shows otherwise than the oracle says, now; every visual of the page is looked at."""
        shown = [v for v in page.visuals if not v.hidden]
        missing = [v for v in shown if not self.browser.run("return !!document.querySelector(arguments[0])", at(v))]
        found = [f"{v.kind} {v.name} is not on the page" for v in missing]
        found += [f"{v.name}: {said}" for v in shown if (said := self.cannot(v))]
        valued = [v for v in shown if v.shows_values]
        values = self.values(valued)
        for visual in valued:
            found += differences(visual, oracle.expected(page, visual, chosen), values[visual.name])
        return [f"{page.title}, {chosen}: {line}" for line in found]

    def settled(self, oracle: Oracle, page: Page, chosen: Chosen, patience: float = PATIENCE) -> list[str]:
        """As `different`, once the page says what it should; else when patience is over."""
        return until_none(lambda: self.different(oracle, page, chosen), patience)

    # What a person does.

    def choose(self, slicer: Visual, *wanted: str) -> None:
        """Opens a list and leaves just the wanted values chosen in it."""
        self._click(at(slicer, " .q-field__control"))
        # Its rows move while it opens.
        there = self.browser.wait(f"the list of {slicer.name}", self._resting, PATIENCE)
        assert set(wanted) <= set(there), (wanted, there)
        for name in there:
            if there[name][0] is not (name in wanted):
                self.browser.wait(f"{name} chosen or not", lambda n=name: self._put(n, n in wanted), PATIENCE)
        ActionChains(self.browser.driver).send_keys(Keys.ESCAPE).perform()
        self.browser.wait("a closed list", lambda: not self._items(), PATIENCE)

    def _put(self, name: str, chosen: bool) -> bool:
        """Whether a value of the open list is chosen or not, as it should be; clicks on it if it is otherwise."""
        items = self._items()
        if items[name][0] is chosen:
            return True
        self.browser.driver.find_elements(By.CSS_SELECTOR, ".lg-popup .q-item")[list(items).index(name)].click()
        time.sleep(LOOK)
        return self._items()[name][0] is chosen

    def _items(self) -> dict[str, tuple[bool, float]]:
        """The values of the open list: whether each is chosen, and where it is."""
        return {name: (chosen, place) for name, chosen, place in self.browser.run(ITEMS)}

    def _resting(self) -> dict[str, tuple[bool, float]]:
        """The values of the open list once they keep their places; none while they do not."""
        before = self._items()
        time.sleep(2 * LOOK)
        return before if before == self._items() else {}

    def between(self, slicer: Visual, times: Sequence[dt.datetime], first: dt.datetime, last: dt.datetime) -> None:
        """Moves both ends by keys, from the first and the last of `times`, until the slicer says the two."""
        thumbs = self.browser.driver.find_elements(By.CSS_SELECTOR, at(slicer, " .q-slider__thumb"))
        step = min(b - a for a, b in itertools.pairwise(times))
        for thumb, before, wanted in zip(thumbs, (times[0], times[-1]), (first, last), strict=True):
            _press(thumb, (wanted - before) // step)
        said = f"{first:%H:%M:%S} – {'now' if last == times[-1] else f'{last:%H:%M:%S}'}"
        self.browser.wait(f"a slicer that says {said}", lambda: said in self.text(slicer), PATIENCE)

    def slide(self, slicer: Visual, steps: int) -> None:
        """Moves the one end of a slider by keys."""
        _press(self.browser.driver.find_element(By.CSS_SELECTOR, at(slicer, " .q-slider [tabindex]")), steps)

    def text(self, visual: Visual) -> str:
        return self.browser.driver.find_element(By.CSS_SELECTOR, at(visual)).text

    def row(self, table: Visual, value: str) -> WebElement:
        """The row of a table that has a text in its first column."""
        rows = self.browser.driver.find_elements(By.CSS_SELECTOR, at(table, " tbody tr"))
        return next(r for r in rows if r.find_element(By.TAG_NAME, "td").text == value)

    def drill(self, table: Visual, value: str, to: Page) -> None:
        """Clicks on a row and then on what leads to a page about it."""
        self.row(table, value).find_element(By.TAG_NAME, "td").click()
        button = self.browser.wait("a menu", self._menu, PATIENCE)
        assert value in button.text, button.text
        button.click()
        self.browser.wait(f"page {to.title}", lambda: self._has(to), PATIENCE)

    def _menu(self) -> WebElement | None:
        found = self.browser.driver.find_elements(By.CSS_SELECTOR, ".lg-menu.lg-open button")
        return next((b for b in found if b.is_displayed()), None)

    def hover(self, table: Visual, value: str) -> None:
        """Points at a row until its tooltip page is there."""
        cell = self.row(table, value).find_elements(By.TAG_NAME, "td")[1]
        ActionChains(self.browser.driver).move_to_element(cell).perform()
        self.browser.wait("a tooltip", lambda: self.browser.run(TIP), PATIENCE)

    def _click(self, selector: str) -> None:
        self.browser.driver.find_element(By.CSS_SELECTOR, selector).click()


LAID_OUT = """
const at = (name) => document.querySelector(`.lg-room [data-visual="${name}"]`);
return arguments[0].every((name) => at(name)?.getBoundingClientRect().width > 0)
  && arguments[1].every((name) => livegold.values(name) || at(name).querySelector('.lg-cannot'));
"""
ITEMS = """
return [...document.querySelectorAll('.lg-popup .q-item')]
  .map((i) => [i.innerText.trim(), i.getAttribute('aria-selected') === 'true', i.getBoundingClientRect().y]);
"""
TIP = "return !!document.querySelector('.lg-float.lg-open')"


def at(visual: Visual, inside: str = "") -> str:
    return f'.lg-visual[data-visual="{visual.name}"]{inside}'


def until_none(look: Callable[[], list[str]], patience: float) -> list[str]:
    """What `look` finds, as soon as that is nothing; else what it finds last."""
    until = time.monotonic() + patience
    while (found := look()) and time.monotonic() < until:
        time.sleep(LOOK)
    return found


def _press(thumb: WebElement, steps: int) -> None:
    for _ in range(abs(steps)):
        thumb.send_keys(Keys.ARROW_RIGHT if steps > 0 else Keys.ARROW_LEFT)
