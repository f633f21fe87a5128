"""A lock file held by one process. Who may hold which lock is up to the callers."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from livegold.reporting.errors import LivegoldError


def acquire_lock(path: Path, refusal: LivegoldError) -> IO[str]:
    """Holds the lock until the file is closed or the process ends; raises `refusal` at once if it is already held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise refusal from None
    return file
