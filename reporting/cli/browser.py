"""Opens a page in the user's browser where there is one to be seen. Serves nothing."""

from __future__ import annotations

import os
import sys
import webbrowser

PREVIEW_SAYS = "preview: "
"""How `livegold preview` begins the line with its address."""


def open_page(address: str) -> bool:
    """Whether a browser was asked to show it: none is where nobody sees a screen, as over SSH.

    There Python would start a browser for text, which takes the terminal.
    """
    seen = sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return seen and webbrowser.open(address)
