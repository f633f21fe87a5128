"""Opens a page in the user's browser if there is a display. Serves nothing."""

from __future__ import annotations

import os
import sys
import webbrowser

PREVIEW_SAYS = "preview: "
"""Prefix of the line in which `livegold preview` prints its address."""


def open_page(address: str) -> bool:
    """Opens a page; returns whether a browser was asked to. None is without a display, for example over SSH.

    There, Python would start a text-mode browser, which takes over the terminal.
    """
    seen = sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return seen and webbrowser.open(address)
