"""Where livegold keeps what it can recreate or fetch again. Not for anything that must persist."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """livegold's cache folder, shared by all homes of this user; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "livegold"
