"""The processes of a demo: started, watched and ended together. Not for what they do."""

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
"""Time for a process to end what it is at; a batch of Spark's on a busy laptop takes most of it."""
TAIL_BYTES = 8_192
"""Of a log that are looked at for its last lines."""


class Stage:
    """`livegold` commands as child processes; leaving the `with` block ends those that still run, newest first.

    Each writes to `<logs>/<name>.log`. None outlives this process, however it ends.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self.environment = {**environment, "PYTHONUNBUFFERED": "1"}
        """What the next process to start gets."""
        self._children: dict[str, Child] = {}

    def start(self, name: str, *arguments: str) -> None:
        """Starts `livegold <name> <arguments>`. From the main thread only: see streams/local/processes.py."""
        command = [sys.executable, "-P", "-m", "livegold", name, *arguments]
        self._children[name] = Child(command, log=self.log(name), environment=self.environment)

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def done(self, name: str) -> bool:
        """Whether a process has ended well; LivegoldError, with its last word, when it has ended otherwise."""
        code = self._children[name].exit_code
        if code:
            raise LivegoldError(f"{name} ended with exit code {code}: {self.last_word(name)} (see {self.log(name)})")
        return code == 0

    def check(self, *lasting: str) -> None:
        """Raises LivegoldError for a process that has failed, and for one of `lasting` that has ended at all."""
        for name in self._children:
            if self.done(name) and name in lasting:
                raise LivegoldError(f"{name} ended by itself: {self.last_word(name)} (see {self.log(name)})")

    def stop(self, name: str) -> None:
        """Asks a process to end and waits; LivegoldError when it did not end well. Nothing if it never started."""
        child = self._children.get(name)
        if child is not None:
            child.stop(END_SECONDS)
            self.done(name)
            del self._children[name]

    def last_word(self, name: str) -> str:
        """The last line of a process's log: of a livegold command that failed, its error."""
        lines = [line.strip() for line in self._tail(name).splitlines() if line.strip()]
        return lines[-1].removeprefix("livegold: ") if lines else "it said nothing"

    def progress_of(self, name: str) -> str:
        """What a process said last that it is at."""
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
        # After an error or a second Ctrl-C nothing is waited for.
        grace = 0.0 if kind is not None else END_SECONDS
        for child in reversed(self._children.values()):
            child.stop(grace)
