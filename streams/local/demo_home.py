"""Where a demo keeps its state: a home of its own, reset each time. Does not run the demo.

`<LIVEGOLD_HOME>/demo/<use case>` is emptied at the start, so that only this run is counted at the end. Two things are
kept, because they take long to make and would be the same again: the locations of Kafka's jars, and the model, if it
was trained for the same use case from the same history.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from livegold.reporting.errors import WrongUse
from livegold.reporting.home import acquire_lock
from livegold.reporting.settings import Settings, all_settings, variable_of
from livegold.reporting.specification import UseCase
from livegold.streams.local.java import QUICK_START

# The user's settings that a demo respects; all others are the demo's own.
_USERS = ("stream.", "spark.", "hub.batch_events")
_MODEL = ("mlflow.db", "models")


class DemoHome:
    """The home of the demo of one use case; `events` is the file it replays, None for the generator."""

    def __init__(self, settings: Settings, case: UseCase, events: Path | None) -> None:
        self.path = settings.home.resolve() / "demo" / case.name
        self.report = self.path / "trained.json"
        """The evaluation reported by `livegold train`."""
        self._shared_jars = settings.home.resolve() / "broker" / "jars.json"
        self._jars = self.path / "broker" / "jars.json"
        self._java_options = settings["spark.java_options"]
        self._key_file = self.path / "trained-from.json"
        self._key = {"use_case": case.digest, "home": str(self.path), "events": _identity(events)}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Two demos of a use case would empty each other's home: the second is refused."""
        self.path.mkdir(parents=True, exist_ok=True)
        refusal = f"a demo of this use case runs already in {self.path}: end it, or set another LIVEGOLD_HOME"
        with acquire_lock(self.path.with_suffix(".lock"), WrongUse(refusal)):
            yield

    def empty(self) -> bool:
        """Removes what an earlier demo left behind; returns whether there was anything."""
        kept = {"broker"}
        if self.model() is not None:
            kept |= {*_MODEL, self.report.name, self._key_file.name}
        found = [p for p in self.path.iterdir() if p.name not in kept]
        found += [p for p in self._jars.parent.glob("*") if p != self._jars]
        for path in found:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if not self._jars.exists() and self._shared_jars.exists():
            self._jars.parent.mkdir(exist_ok=True)
            shutil.copyfile(self._shared_jars, self._jars)
        return bool(found)

    def share_jars(self) -> None:
        """Tells the brokers of other homes where Kafka's jars are."""
        if self._jars.exists() and not self._shared_jars.exists():
            self._shared_jars.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._jars, self._shared_jars)

    def model(self) -> Mapping[str, Any] | None:
        """The evaluation of the existing model, if it was trained for the same use case from the same history."""
        try:
            if json.loads(self._key_file.read_text(encoding="utf-8")) != self._key:
                return None
            found: dict[str, Any] = json.loads(self.report.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return found if all((self.path / name).exists() for name in _MODEL) else None

    def keep_model(self) -> None:
        """Records what the model was trained from; call after training."""
        self._key_file.write_text(json.dumps(self._key), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        """This process's environment, with the demo's settings instead of the user's hub, lake, registry and tenant."""
        own = {s.variable: s.default for s in all_settings() if not s.key.startswith(_USERS)}
        own[variable_of("spark.java_options")] = self._java_options or QUICK_START
        return {**os.environ, **own, variable_of("home"): str(self.path)}


def _identity(events: Path | None) -> list[object]:
    if events is None:
        return []
    file = events.stat()
    return [str(events.resolve()), file.st_size, file.st_mtime_ns]
