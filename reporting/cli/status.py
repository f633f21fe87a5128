"""`livegold status`: the status documents of the pipelines in this home, as tables or JSON."""

from __future__ import annotations

import json

import click

from livegold.reporting.errors import NotFound


@click.command()
@click.argument("usecase", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")
def status(usecase: str | None, as_json: bool) -> None:
    """Shows each query and sink: position, lag, rate, last error, and what is left of the limits.

    Without USECASE, shows every use case that has run with this LIVEGOLD_HOME.
    """
    from livegold.reporting import library

    found = library.statuses()
    if usecase:
        name = library.load(usecase).name
        found = {name: found[name]} if name in found else {}
    if as_json:
        click.echo(json.dumps(found, indent=1))
    elif not found:
        wanted = f"use case {usecase} has" if usecase else "no use case has"
        home = library.settings().home
        raise NotFound(f"{wanted} {'not ' if usecase else ''}run on {home}: start one with `livegold run`")
    else:
        from livegold.reporting.cli.view import console, status_report

        console().print(status_report(found))
