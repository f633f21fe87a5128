"""Starts, watches and stops the processes of a demo together. Not for what they do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from livegold.reporting.cli.progress import last_progress
from livegold.reporting.errors import LivegoldError
from livegold.streams.local import Child

END_SECONDS = 60.0
"""Time for a process to finish its work; a Spark batch on a busy laptop takes most of it."""
TAIL_BYTES = 8_192
"""How much of the end of a log is read for its last lines."""


class Stage:
    """`livegold` commands as child processes; leaving the `with` block stops those still running, newest first.

    Each writes to `<logs>/<name>.log`. None outlives this process, however it ends.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self.environment = {**environment, "PYTHONUNBUFFERED": "1"}
        """The environment of the next process to be started."""
        self._children: dict[str, Child] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Starts `livegold <name> <arguments>`. From the main thread only: see streams/local/processes.py."""
        command = [sys.executable, "-P", "-m", "livegold", name, *arguments]
        self._children[name] = Child(command, log=self.log(name), environment=self.environment)

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def done(self, name: str) -> bool:
        """Whether a process has ended successfully; raises LivegoldError, with its last log line, if it has failed."""
        code = self._children[name].exit_code
        if code:
            raise LivegoldError(f"{name} ended with exit code {code}: {self.last_word(name)} (see {self.log(name)})")
        return code == 0

    def check(self, *lasting: str) -> None:
        """Raises LivegoldError if any process has failed, or if one of `lasting` has ended at all."""
        for name in self._children:
            if self.done(name) and name in lasting:
                raise LivegoldError(f"{name} ended by itself: {self.last_word(name)} (see {self.log(name)})")

    def stop(self, name: str) -> None:
        """Stops a process and waits; raises LivegoldError if it failed. Does nothing if it was never started."""
        child = self._children.get(name)
        if child is not None:
            child.stop(END_SECONDS)
            self.done(name)
            del self._children[name]

    def last_word(self, name: str) -> str:
        """The last line of a process's log; for a failed livegold command, its error."""
        lines = [line.strip() for line in self._tail(name).splitlines() if line.strip()]
        return lines[-1].removeprefix("livegold: ") if lines else "it said nothing"

    def progress_of(self, name: str) -> str:
        """The last progress message of a process."""
        return last_progress(self._tail(name))

    def _tail(self, name: str) -> str:
        try:
            with self.log(name).open("rb") as log:
                log.seek(max(0, log.seek(0, 2) - TAIL_BYTES))
                return log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error or a second Ctrl-C there is no waiting.
        grace = 0.0 if kind is not None else END_SECONDS
        for child in reversed(self._children.values()):
            child.stop(grace)
