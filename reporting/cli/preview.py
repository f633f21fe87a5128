"""`livegold preview`: the template of a use case live in the browser. The page itself is in dashboards/preview."""

from __future__ import annotations

from pathlib import Path

import click

from livegold.reporting.cli.browser import PREVIEW_SAYS, open_page
from livegold.reporting.library import PAGE, SCREENSHOTS, require


@click.command()
@click.argument("usecase")
@click.option(
    "--template",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder that holds <name>.Report; by default the template that the use case makes.",
)
@click.option(
    "--rows",
    type=click.Choice(["service", "gold"]),
    default="service",
    show_default=True,
    help="Show the rows that the local Power BI service stored, or those of gold.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="Port on 127.0.0.1; 0 picks a free one.",
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option(
    "--png",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a screenshot of each page, on desktop and phone, and end.",
)
def preview(usecase: str, template: Path | None, rows: str, port: int, no_open: bool, png: Path | None) -> None:
    """Shows the report of USECASE as a web page on this machine, with rows as they arrive, until Ctrl-C."""
    require(PAGE)
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    if png is not None:
        require(SCREENSHOTS)
        from livegold.dashboards.screenshots import take_screenshots

        for file in take_screenshots(load_settings(), usecase, png, template=template, rows=rows):
            click.echo(str(file))
        return
    from livegold.dashboards.preview import run_preview
    from livegold.streams.accounts import Follower

    given = load_settings()

    def ready(address: str) -> None:
        click.echo(f"{PREVIEW_SAYS}{address}")
        if not no_open:
            open_page(address)

    run_preview(
        given,
        case,
        follows=Follower(case, given) if given["hub.kind"] != "folder" and rows == "service" else None,
        template=template,
        rows="gold" if rows == "gold" else "service",
        port=port,
        ready=ready,
    )
