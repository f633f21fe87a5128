"""Writes a report template to a folder and optionally checks it. Templates are made in dashboards/template.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livegold.reporting.library.cases import Case, load
from livegold.reporting.semantic import SOURCES, Source

if TYPE_CHECKING:
    from livegold.dashboards.checks import Finding


@dataclass(frozen=True)
class WrittenTemplate:
    """A template's `files`; `project` is the one to open in Power BI Desktop. `findings` is empty without checks."""

    project: Path
    files: tuple[Path, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The checks that failed."""
        return tuple(finding for finding in self.findings if finding.state == "failed")

    @property
    def ok(self) -> bool:
        return not self.problems


def report(
    case: Case,
    source: Source,
    folder: str | Path,
    *,
    values: Mapping[str, str] | None = None,
    check: bool = False,
) -> WrittenTemplate:
    """Writes the report template of a use case: a Power BI project, in a folder that is empty or holds an older one.

    `source` is where the rows are: push, databricks, directlake, delta or sample. `values` fills in the template's
    parameters, such as Host or DatasetId. `check` also runs every check. Raises WrongUse.
    """
    from livegold.dashboards.template import write_template
    from livegold.reporting.errors import WrongUse, choices

    if source not in SOURCES:
        raise WrongUse(f"source {source!r} is not known: give {choices(SOURCES)}")
    folder = Path(folder)
    files = write_template(load(case), source, folder, dict(values or {}))
    project = next(path for path in files if path.suffix == ".pbip")
    if not check:
        return WrittenTemplate(project, files)
    from livegold.dashboards.checks import check as check_template

    return WrittenTemplate(project, files, tuple(check_template(folder)))
