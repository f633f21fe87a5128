"""`livegold report`: writes a report template and optionally checks it, through reporting/library/template.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from livegold.reporting.errors import CheckFailed, WrongUse
from livegold.reporting.semantic import SOURCES

if TYPE_CHECKING:
    from livegold.dashboards.checks import Finding


@click.command()
@click.argument("usecase")
@click.option(
    "--source",
    type=click.Choice(SOURCES),
    required=True,
    help="Where the rows are. sample puts some into the file, so that it opens anywhere.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="A new or empty folder; an earlier template of the use case in it is replaced.",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    help="Fill in what the template leaves open, such as Host, HttpPath, Url, Workspace or DatasetId; may be repeated.",
)
@click.option("--check", "checked", is_flag=True, help="Also run every check; exit code 1 if one fails.")
def report(usecase: str, source: str, folder: Path, settings: tuple[str, ...], checked: bool) -> None:
    """Writes the report template of a use case: a Power BI project to open in Power BI Desktop."""
    from livegold.reporting import library

    values = dict(_setting(s) for s in settings)
    written = library.report(usecase, next(s for s in SOURCES if s == source), folder, values=values, check=checked)
    click.echo(f"{len(written.files)} files: open {written.project}")
    for finding in written.findings:
        click.echo(_line(finding))
    if not written.ok:
        checks = ", ".join(dict.fromkeys(f.check for f in written.problems))
        raise CheckFailed(f"{folder}: {len(written.problems)} problems, in {checks}")


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise WrongUse(f"--set {text}: give NAME=VALUE")
    return name.strip(), value.strip()


def _line(finding: Finding) -> str:
    said = ": ".join(filter(None, (finding.place, finding.problem)))
    return f"{finding.check:<18}{finding.state:<9}{said}".rstrip()
