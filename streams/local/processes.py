"""Child processes that end with their parent, and the signals that end us. Not concerned with what the children do.

A child runs in its own session, so that a Ctrl-C in the terminal reaches only us and we stop things in order. If we die
without stopping it, even by SIGKILL, the system or a watcher kills it:

- On Linux, if started from the main thread, the kernel does (PR_SET_PDEATHSIG). The signal is tied to the *thread* that
  started the child, hence only the main one.
- Elsewhere, a small watcher process between us and the child reads from a pipe that we hold open; end of file means
  that we have died.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

# Long enough for a broker to flush and close its files on a busy laptop.
GRACE_SECONDS = 15.0

# Run before the real program, in the child: exec keeps the death signal, and the comparison covers a parent that died
# before it was set. PR_SET_PDEATHSIG is 1 (linux/prctl.h).
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""

_WATCH_PARENT = """
import os, signal, subprocess, sys, threading
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, close_fds=False)
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
def watch():
    os.read(0, 1)
    child.kill()
threading.Thread(target=watch, daemon=True).start()
code = child.wait()
os._exit(code if code >= 0 else 128 - code)
"""


class Child:
    """A running program that does not outlive us. The constructor starts it; `stop()` or `with` ends it.

    `command[0]` is the path of an executable. Standard output and error are appended to `log`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        keeps: Sequence[int] = (),
        watched: bool | None = None,
    ) -> None:
        """`keeps` are file descriptors that stay open in the program, such as a lock to hold while it lives.

        `watched` selects the watcher instead of the kernel's death signal; None selects whichever works here.
        """
        if watched is None:
            watched = not (sys.platform == "linux" and threading.current_thread() is threading.main_thread())
        self._stopped = False
        wrapper = _WATCH_PARENT if watched else _DIE_WITH_PARENT
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", wrapper, str(os.getpid()), *command],
                stdin=subprocess.PIPE if watched else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
                pass_fds=tuple(keeps),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self, grace: float = GRACE_SECONDS) -> None:
        """Asks the program to end, and after `grace` seconds kills it and all it started. Safe to call twice."""
        if self._stopped:
            return
        self._stopped = True
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace)
        self._kill_session()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()

    def _kill_session(self) -> None:
        # The session's process group has the child's id, which is not reused while any of its processes lives.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def stop_on_signals(stop: threading.Event | None = None) -> Iterator[threading.Event]:
    """Within the block SIGTERM and SIGINT set the event and do nothing else; a second one acts as usual.

    Has to be entered from the main thread. Without a handler SIGTERM would skip every `finally`.
    """
    asked = stop or threading.Event()
    wanted = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in wanted}

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            signal.signal(number, before[signal.Signals(number)])
            signal.raise_signal(number)
        asked.set()

    for number in wanted:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number in wanted:
            signal.signal(number, before[number])
