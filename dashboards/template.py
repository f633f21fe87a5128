"""A whole template: its project file, report and model, as files and in a folder. The parts are made elsewhere.

For `push` it contains no semantic model: the report is connected to the push dataset in the service, whose definition
is beside it in `dataset.json`. `python -m livegold.dashboards.template USECASE SOURCE FOLDER` writes a template.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from livegold.dashboards.checks import DATASET
from livegold.dashboards.placeholders import fill
from livegold.dashboards.report import report_files
from livegold.reporting.errors import WrongUse, choices
from livegold.reporting.pbir import SCHEMAS, as_bytes
from livegold.reporting.powerbi import push_dataset
from livegold.reporting.semantic import SOURCES, Source, template_name
from livegold.reporting.specification import UseCase

# What Power BI Desktop and git put beside a template; none of it is touched.
_OF_OTHERS = (".gitignore", ".gitattributes", ".pbi")


def template_files(case: UseCase, source: Source) -> dict[str, bytes]:
    """Files by their path in the template's folder. The same use case and source give the same bytes."""
    name = template_name(case)
    pbip = {
        "$schema": SCHEMAS["pbip"],
        "version": "1.0",
        "artifacts": [{"report": {"path": f"{name}.Report"}}],
        "settings": {"enableAutoRecovery": True},
    }
    report = report_files(case, source)
    files = {f"{name}.pbip": as_bytes(pbip), **{f"{name}.Report/{path}": data for path, data in report.items()}}
    if source == "push":
        return {**files, DATASET: as_bytes(push_dataset(case))}
    from livegold.dashboards.model import semantic_model_files

    model = semantic_model_files(case, source)
    return {**files, **{f"{name}.SemanticModel/{path}": data for path, data in model.items()}}


def write_template(
    case: UseCase, source: Source, folder: Path, values: Mapping[str, str] | None = None
) -> tuple[Path, ...]:
    """Writes the template and returns its files. WrongUse if the folder holds anything but a template of the use case.

    `values` fill in the template's placeholders (`placeholders.fill`).
    An existing template is replaced, including any changes made to it; Desktop's own files stay.
    """
    files = fill(template_files(case, source), source, values or {})
    _make_room(case, folder)
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return tuple(folder / path for path in files)


def _make_room(case: UseCase, folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise WrongUse(f"{folder} is a file: give a folder that is empty or not there yet")
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    name = template_name(case)
    own = (f"{name}.pbip", f"{name}.Report", f"{name}.SemanticModel", DATASET)
    foreign = [p.name for p in found if p.name not in (*own, *_OF_OTHERS)]
    if foreign or (found and not _is_ours(case, folder)):
        what = f"{foreign[0]!r}, which is" if foreign else "files that are"
        raise WrongUse(f"{folder} has {what} no part of {case.name}'s template: give an empty folder or a new one")
    for path in found:
        if path.name not in own:
            continue
        if path.is_dir():
            for inside in path.iterdir():
                if inside.name not in _OF_OTHERS:
                    shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
        else:
            path.unlink()
    model = folder / f"{name}.SemanticModel"
    if model.is_dir() and not any(model.iterdir()):
        model.rmdir()


def _is_ours(case: UseCase, folder: Path) -> bool:
    """Whether its report has the identity of the use case's report."""
    platform = folder / f"{template_name(case)}.Report" / ".platform"
    if not platform.is_file():
        return all(p.name in _OF_OTHERS for p in folder.iterdir())
    try:
        return bool(json.loads(platform.read_bytes()) == json.loads(report_files(case, "push")[".platform"]))
    except ValueError:
        return False


def main(arguments: list[str]) -> None:
    from livegold.reporting.specification import load_use_case

    if len(arguments) != 3 or arguments[1] not in SOURCES:
        raise SystemExit(f"give a use case, {choices(SOURCES)}, and a folder")
    name, source, folder = arguments
    written = write_template(load_use_case(name), next(s for s in SOURCES if s == source), Path(folder))
    print(f"{len(written)} files in {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
