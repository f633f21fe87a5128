"""`livegold doctor`: shows what reporting/doctor and the sinks' own checks find. Checks nothing itself."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from livegold.reporting.cli.progress import say
from livegold.reporting.errors import CheckFailed, WrongUse

if TYPE_CHECKING:
    from livegold.reporting.findings import Finding
    from livegold.reporting.settings import Settings
    from livegold.reporting.specification import UseCase

SHOWN = ("home", "lake", "hub.", "spark.", "mlflow.")
"""Settings that are shown in addition to those of the sinks."""


@click.command()
@click.argument("usecase", required=False)
@click.option(
    "--probe",
    is_flag=True,
    help="Also find out what only a tenant can tell, with datasets that are deleted at the end.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the probe's report to this file.")
@click.option("--with-ids", is_flag=True, help="Keep the ids of tenant, workspace and datasets in the probe's report.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of lines.")
def doctor(usecase: str | None, probe: bool, out: Path | None, with_ids: bool, as_json: bool) -> None:
    """Checks everything a run needs and says what to do. Exit code 1 if something failed.

    With USECASE it checks its topic, model and dataset too. It changes nothing, except that --probe makes datasets
    named `livegold probe ...` in the workspace, and deletes them.
    """
    from livegold.reporting.doctor.exchanges import RecordingSession
    from livegold.reporting.doctor.machine import settings_that_matter
    from livegold.reporting.findings import FAILED, OK, VERDICTS
    from livegold.reporting.powerbi import powerbi_settings
    from livegold.reporting.settings import load as load_settings
    from livegold.reporting.sinks import sink_names
    from livegold.reporting.specification import load_use_case

    if not probe and (out or with_ids):
        raise WrongUse("--out and --with-ids are for the report of --probe: give --probe as well")
    case = load_use_case(usecase) if usecase else None
    settings = powerbi_settings(load_settings())
    matter = settings_that_matter(settings, (*SHOWN, *(f"{name}." for name in sink_names())))
    if not as_json:
        for key, value in matter.items():
            click.echo(f"  {key} = {value}")
    found = []
    for finding in _all(settings, case):
        found.append(finding)
        if not as_json:
            click.echo(_line(finding))
    report = None
    if probe:
        with RecordingSession(settings["powerbi.api"], settings["powerbi.ca"]) as session:
            report = _probed(settings, session, with_ids)
    failed = [f for f in found if f.verdict == FAILED]
    if as_json:
        document: dict[str, Any] = {
            "ok": not failed,
            "settings": matter,
            "findings": [f.as_json() for f in found],
            "probe": report,
        }
        click.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        counted = [f"{sum(f.verdict == v for f in found)} {v}" for v in VERDICTS]
        click.echo(", ".join(c for c in counted if not c.startswith("0 ") or c.endswith(f" {OK}")))
    _write(report, out, as_json)
    if failed:
        many = "1 check" if len(failed) == 1 else f"{len(failed)} checks"
        raise CheckFailed(f"{many} failed: {', '.join(f'{f.area} {f.check}' for f in failed)}")
    if probe and report is None:
        raise CheckFailed("the probe was not made: Power BI is not set up")


def _all(settings: Settings, case: UseCase | None) -> Iterator[Finding]:
    from livegold.reporting.doctor import machine
    from livegold.reporting.doctor import streams as streams_doctor
    from livegold.reporting.sinks import sink_classes

    yield from machine.python_version()
    yield from streams_doctor.java_version()
    yield from streams_doctor.spark_versions()
    yield from streams_doctor.memory(settings)
    yield from machine.disk_space(settings)
    yield from machine.lake_access(settings)
    yield from machine.gold_tables(settings, case)
    yield from streams_doctor.hub_access(settings, case)
    yield from streams_doctor.champion(settings, case)
    for sink in sink_classes():
        yield from sink.checks(settings, case)


def _line(finding: Finding) -> str:
    from livegold.reporting.cli.redaction import redacted

    advice = f": {finding.advice}" if finding.advice else ""
    return redacted(f"{finding.verdict:<12}{finding.area} {finding.check}: {finding.found}{advice}")


def _probed(settings: Settings, session: Any, with_ids: bool) -> dict[str, Any] | None:
    """The report; None if nothing can be asked, as explained by the checks. SIGTERM cleans up just as Ctrl-C does."""
    from livegold.reporting.doctor.exchanges import Redactor
    from livegold.reporting.doctor.probe import Probe
    from livegold.reporting.doctor.report import as_json
    from livegold.reporting.errors import LivegoldError
    from livegold.reporting.powerbi import PowerBIClient, claims_of, tokens_from_settings

    try:
        claims = claims_of(tokens_from_settings(settings, session).token())
        client = PowerBIClient.from_settings(settings, session)
        client.datasets()
    except LivegoldError:
        return None

    def interrupted(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    try:
        probed = Probe(client, session, claims, say=say)()
    finally:
        signal.signal(signal.SIGTERM, before)
    known = {
        settings["powerbi.tenant"]: "tenant",
        settings["powerbi.workspace"]: "workspace",
        settings["powerbi.client_id"]: "application",
        str(claims.get("oid", "")): "caller",
    }
    known.pop("", None)
    return as_json(probed, Redactor(known, settings.secrets(), with_ids=with_ids), settings["powerbi.api"])


def _write(report: dict[str, Any] | None, out: Path | None, as_json: bool) -> None:
    from livegold.reporting.doctor.report import as_markdown

    if report is None:
        return
    if out is not None:
        out.write_text(as_markdown(report), encoding="utf-8")
        say(f"the probe's report is in {out}")
    elif not as_json:
        click.echo(as_markdown(report))
