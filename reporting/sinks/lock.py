"""One writer of a dataset on this machine, whatever its LIVEGOLD_HOME. Sequence numbers show those elsewhere."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO

from reporting.errors import SecondWriter

FOLDER = "livegold-writers"


def only_writer(place: str, what: str) -> IO[str]:
    """Takes the lock of `place` (service, workspace and dataset) until the file is closed or the process ends.

    SecondWriter, which names `what`, when it is taken.
    """
    folder = Path(tempfile.gettempdir()) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(place.encode()).hexdigest()[:32]
    file = (folder / f"{os.getuid()}-{name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SecondWriter(
            f"another livegold on this machine delivers to {what}: stop it, or give this one another powerbi.dataset"
        ) from None
    return file
