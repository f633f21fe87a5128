"""A hundred use cases that nobody thought of: each gives whole templates that pass every check."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from livegold.dashboards.checks import check_all
from livegold.dashboards.checks.toolbox import Tools
from livegold.dashboards.template import write_template
from livegold.reporting.semantic.model import SOURCES, Source
from model_cases import made_cases

SPECIFICATIONS = 100
CHECKS_OF_ALL = ("schemas", "theme schema", "report validator", "fields", "references", "names", "layout")
CHECKS_OF_MODELS = ("model parser", "power query")


@pytest.mark.long
def test_a_hundred_specifications_give_templates_that_pass_every_check(
    tmp_path: Path, schemas: Path, tools: Tools
) -> None:
    models = [source for source in SOURCES if source != "push"]
    folders: dict[Path, tuple[int, Source]] = {}
    for number, case in enumerate(made_cases(SPECIFICATIONS)):
        # All five of each would take minutes: the report of push, and the model of another source in turn.
        for source in ("push", models[number % len(models)]):
            folder = tmp_path / f"{number}" / source
            write_template(case, source, folder)
            folders[folder] = (number, source)
    passed: Counter[str] = Counter()
    for folder, findings in check_all(list(folders), schemas=schemas, tools=tools).items():
        number, source = folders[folder]
        for finding in findings:
            assert finding.state == "passed", f"specification {number}, {source}: {finding}"
            passed[finding.check] += 1
    assert passed == dict.fromkeys(CHECKS_OF_ALL, 2 * SPECIFICATIONS) | dict.fromkeys(CHECKS_OF_MODELS, SPECIFICATIONS)
