"""`livegold report`: a report template in a folder, checked if asked for. Templates are dashboards/template.py."""

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
    from livegold.dashboards.template import write_template
    from livegold.reporting.specification import load_use_case

    case = load_use_case(usecase)
    values = dict(_setting(s) for s in settings)
    written = write_template(case, next(s for s in SOURCES if s == source), folder, values)
    project = next(p for p in written if p.suffix == ".pbip")
    click.echo(f"{len(written)} files: open {project}")
    if checked:
        _check(folder)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise WrongUse(f"--set {text}: give NAME=VALUE")
    return name.strip(), value.strip()


def _check(folder: Path) -> None:
    from livegold.dashboards.checks import check

    findings = check(folder)
    for finding in findings:
        click.echo(_line(finding))
    failed = [f for f in findings if f.state == "failed"]
    if failed:
        raise CheckFailed(f"{folder}: {len(failed)} problems, in {', '.join(dict.fromkeys(f.check for f in failed))}")


def _line(finding: Finding) -> str:
    said = ": ".join(filter(None, (finding.place, finding.problem)))
    return f"{finding.check:<18}{finding.state:<9}{said}".rstrip()
