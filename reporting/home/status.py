"""The status a running pipeline writes to a file for others to read. Not a source of truth: reconcile never reads it.

`<home>/status/<use case>.json`, rewritten once a second. Times are seconds since 1970.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STALE_SECONDS = 15.0


class StatusFile:
    """One use case's status."""

    def __init__(self, home: Path, case: str) -> None:
        self.path = home / "status" / f"{case}.json"

    def write(self, status: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps({**status, "updated": time.time()}, indent=1), encoding="utf-8")
        new.replace(self.path)

    def read(self) -> dict[str, Any] | None:
        """The last status, or None; `running` says whether its writer is alive and has written recently."""
        try:
            status: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        recent = time.time() - status.get("updated", 0.0) < STALE_SECONDS
        status["running"] = status.get("state") != "ended" and recent and _alive(int(status.get("pid", 0)))
        return status


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def known_cases(home: Path) -> list[str]:
    """The use cases that have a status."""
    return sorted(p.stem for p in (home / "status").glob("*.json"))
