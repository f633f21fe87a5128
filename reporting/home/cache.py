"""Where livegold keeps what it can make or fetch again. Not for anything that must last."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """livegold's cache folder, for all homes of this user; it may not be there yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livegold"
