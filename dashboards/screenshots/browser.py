"""A headless Chromium to view a page with: its console errors, every URL it requests, screenshots of it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from livegold.reporting.errors import CheckFailed, WrongUse

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER = "chromedriver"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
PATIENCE_SECONDS = 30.0
OWN_SCHEMES = ("data", "blob", "about", "chrome")


class Browser:
    """One window, for a `with` block. `scale` is the number of screenshot pixels per page pixel."""

    def __init__(self, width: int = 1280, height: int = 720, scale: float = 1.0) -> None:
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        driver = shutil.which(DRIVER)
        if program is None or driver is None:
            missing = "Chromium" if program is None else DRIVER
            raise WrongUse(f"{missing} is not installed: install chromium and chromium-driver (or chromedriver)")
        self._size = (width, height, scale)
        self._program, self._driver_file = program, driver
        self._profile = ""
        self.asked: list[str] = []
        """URLs that pages requested."""
        self.console: list[str] = []
        """Errors that pages logged."""
        self.driver: webdriver.Chrome

    def __enter__(self) -> Self:
        self._profile = tempfile.mkdtemp(prefix="livegold-browser-")
        options = Options()
        options.binary_location = self._program
        for flag in (*FLAGS, f"--user-data-dir={self._profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        try:
            self.driver = webdriver.Chrome(options, Service(self._driver_file))
        except WebDriverException as error:
            shutil.rmtree(self._profile, ignore_errors=True)
            raise WrongUse(f"Chromium does not start: {_first_line(error)}: try `{self._program} --version`") from None
        self.resize(*self._size)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def resize(self, width: int, height: int, scale: float = 1.0, *, touch: bool = False) -> None:
        """Sets the size of the page itself, regardless of the window's frame."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": touch}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, address: str) -> None:
        self.driver.get(address)

    def run(self, script: str, *values: Any) -> Any:
        """Runs a piece of JavaScript and returns its result."""
        return self.driver.execute_script(script, *values)

    def wait(self, what: str, call: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """The first truthy result of `call`; CheckFailed, naming `what` was awaited, if there is none in time."""
        until = time.monotonic() + seconds
        while True:
            try:
                found = call()
            except WebDriverException:
                found = None
            if found:
                return found
            if time.monotonic() > until:
                raise CheckFailed(f"browser: {what} did not happen within {seconds:g} seconds")
            time.sleep(0.05)

    def values(self, visual: str) -> Any:
        """What a visual shows: its columns and rows, unformatted; None if there is no such visual."""
        return self.run("return window.livegold ? livegold.values(arguments[0]) : null", visual)

    def screenshot(self, file: Path) -> Path:
        """Saves a screenshot of the window as PNG."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(file))
        return file

    def check(self) -> None:
        """Raises CheckFailed for an error in the console, or a request to another machine."""
        self._read_logs()
        if self.console:
            raise CheckFailed(f"browser: the page logged an error: {self.console[0]}")
        away = [a for a in self.asked if not _is_here(a)]
        if away:
            raise CheckFailed(f"browser: the page asked for {away[0]}, which is not on this machine")

    def _read_logs(self) -> None:
        for entry in self.driver.get_log("browser"):
            if entry["level"] == "SEVERE":
                self.console.append(_first_line(entry["message"]))
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.asked.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                self.asked.append(message["params"]["url"])


def _is_here(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in OWN_SCHEMES or parts.hostname == "127.0.0.1"


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
