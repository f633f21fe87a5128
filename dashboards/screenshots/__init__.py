"""Screenshots of the live preview, and the headless Chromium that takes them. Needs the extra `screenshots`."""

from livegold.dashboards.screenshots.browser import DRIVER, NAMES, Browser
from livegold.dashboards.screenshots.pages import serving, take_screenshots

__all__ = ["DRIVER", "NAMES", "Browser", "serving", "take_screenshots"]
