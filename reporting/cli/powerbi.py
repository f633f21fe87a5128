"""`livegold powerbi`: the local Power BI service in the foreground. The service itself is reporting/service."""

from __future__ import annotations

import click

from reporting.cli.requirements import LOCAL, require

# As reporting.service.server has it, which is too heavy to import for a line of help.
DEFAULT_PORT = 8643


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, show_default=True, help="0 is a free one."
)
def powerbi(port: int) -> None:
    """Runs a server that behaves as the Power BI REST API does, until Ctrl-C."""
    require(LOCAL)
    from reporting import settings
    from reporting.service.server import serve

    serve(settings.load().home, port, say=click.echo)
