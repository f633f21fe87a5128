"""Who may deliver: one sink on a state, one writer of a dataset on this machine. Sequence numbers show others."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

from reporting.errors import SecondWriter

FOLDER = "livegold-writers"


def only_sink(state: Path, case: str) -> IO[str]:
    """Takes the lock of a sink's state until the file is closed or the process ends. SecondWriter when it is taken."""
    state.mkdir(parents=True, exist_ok=True)
    return _taken(
        state / "lock",
        f"another livegold delivers {case} from {state}: stop it, or use another LIVEGOLD_HOME",
    )


def only_writer(place: str, what: str) -> IO[str]:
    """The same for `place` (service, workspace and dataset), which an error calls `what`: of any LIVEGOLD_HOME."""
    folder = Path(tempfile.gettempdir()) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(place.encode()).hexdigest()[:32]
    return _taken(
        folder / f"{os.getuid()}-{name}.lock",
        f"another livegold on this machine delivers to {what}: stop it, or give this one another powerbi.dataset",
    )


def _taken(path: Path, refusal: str) -> IO[str]:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SecondWriter(refusal) from None
    return file
