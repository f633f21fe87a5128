"""Locks: one sink per state, one writer per dataset on this machine. Sequence numbers reveal writers elsewhere."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

from livegold.reporting.errors import SecondWriter
from livegold.reporting.home import acquire_lock

WRITERS = Path(tempfile.gettempdir()) / "livegold-writers"
"""Where all writers on this machine, whatever their LIVEGOLD_HOME, keep their locks."""


def only_sink(state: Path, case: str) -> IO[str]:
    """Locks a sink's state until the file is closed or the process ends. Raises SecondWriter if already locked."""
    refusal = f"another livegold delivers {case} from {state}: stop it, or use another LIVEGOLD_HOME"
    return acquire_lock(state / "lock", SecondWriter(refusal))


def only_writer(place: str, what: str, folder: Path = WRITERS) -> IO[str]:
    """The same for `place` (service, workspace and dataset), called `what` in errors; the lock is in `folder`."""
    name = hashlib.sha256(place.encode()).hexdigest()[:32]
    refusal = f"another livegold on this machine delivers to {what}: stop it, or give this one another powerbi.dataset"
    return acquire_lock(folder / f"{os.getuid()}-{name}.lock", SecondWriter(refusal))
