"""Progress of long-running commands, as lines on standard error that both people and `livegold demo` read."""

from __future__ import annotations

import click

MARK = "... "


def say(what: str) -> None:
    """Prints the step that begins now."""
    click.echo(MARK + what, err=True)


def last_progress(log: str) -> str:
    """The last progress message in a log; empty if there is none."""
    lines = [line for line in log.splitlines() if line.startswith(MARK)]
    return lines[-1].removeprefix(MARK) if lines else ""
