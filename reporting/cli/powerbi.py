"""`livegold powerbi`: the local Power BI service in the foreground. The service itself is in reporting/service."""

from __future__ import annotations

import click

from livegold.reporting.library import LOCAL, require

# The same as in livegold.reporting.service.server, which is too heavy to import for a line of help.
DEFAULT_PORT = 8643


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=DEFAULT_PORT, show_default=True, help="0 picks a free one."
)
@click.option(
    "--http", is_flag=True, help="Serve plain HTTP, for clients that cannot trust a private certificate authority."
)
@click.option(
    "--open-token",
    metavar="TOKEN",
    help="A bearer token that is always accepted; 16 characters or more, for local use only.",
)
@click.option(
    "--dedicated", is_flag=True, help="Put the workspace on dedicated capacity, which accepts enhanced refreshes."
)
def powerbi(port: int, http: bool, open_token: str | None, dedicated: bool) -> None:
    """Runs a server that behaves as the Power BI REST API does, until Ctrl-C."""
    require(LOCAL)
    from livegold.reporting.service.server import serve
    from livegold.reporting.settings import load as load_settings

    serve(load_settings().home, port, http=http, open_token=open_token, dedicated=dedicated, say=click.echo)
