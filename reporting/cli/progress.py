"""What a command that takes its time is at, as lines on standard error that a person and `livegold demo` read alike."""

from __future__ import annotations

import click

MARK = "... "


def say(what: str) -> None:
    """Says what begins now."""
    click.echo(MARK + what, err=True)


def last_progress(log: str) -> str:
    """The last thing that was said, out of all the lines of a log; empty when nothing was."""
    lines = [line for line in log.splitlines() if line.startswith(MARK)]
    return lines[-1].removeprefix(MARK) if lines else ""
