"""Another task and another estimator have templates of every source that pass every check."""

from __future__ import annotations

from pathlib import Path

import pytest

from livegold.dashboards.checks import check
from livegold.dashboards.sample_rows import sample_rows
from livegold.dashboards.template import write_template
from livegold.reporting.semantic.model import SOURCES, Source
from livegold.reporting.specification import UseCase
from taxi_variants import TIP, VARIANTS


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", VARIANTS, ids=lambda case: case.name)
def test_the_template_of_a_variant_passes_every_check(case: UseCase, source: Source, tmp_path: Path) -> None:
    write_template(case, source, tmp_path / "made")
    found = check(tmp_path / "made")
    assert [str(f) for f in found if f.state == "failed"] == []
    assert {"fields", "references", "names", "layout"} <= {f.check for f in found if f.state == "passed"}


def test_the_sample_of_a_regression_predicts_better_than_the_mean() -> None:
    rows = sample_rows(TIP)
    sums = {
        name: sum(row[column] or 0 for row in rows.pulse)
        for name, column in {
            "n": "outcome_count",
            "error": "error_sum",
            "absolute_error": "absolute_error_sum",
            "squared_error": "squared_error_sum",
            "outcome": "outcome_sum",
            "outcome_squared": "outcome_squared_sum",
            "within": "within",
        }.items()
    }
    quality = TIP.model.task.quality(sums).metrics()
    assert quality["rmse"] < quality["baseline"]
    assert {row["predicted_band"] for row in rows.pulse} <= {r["key"] for r in rows.dimensions["predicted_band"]}
    assert len({row["predicted_band"] for row in rows.pulse}) > 4
    assert rows.spotlight
