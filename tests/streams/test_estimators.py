"""An estimator comes from a package of somebody else's: one file and one entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livegold.reporting.errors import WrongUse
from livegold.reporting.pipeline import feature_columns
from livegold.reporting.settings import load
from livegold.streams.models import Registry, train
from taxi_variants import TIP

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MODULE = '''
from dataclasses import dataclass
from typing import ClassVar

from livegold.reporting.errors import WrongUse
from livegold.reporting.specification import Estimator


@dataclass(frozen=True)
class Average(Estimator):
    """The mean of what came, times `factor`, whatever the features are."""

    algorithm: str = "average"
    implementation: ClassVar[str] = "average"
    in_spark: ClassVar[bool] = True
    answers = ("number",)


class AverageLearner:
    def __init__(self, estimator, task, features):
        self.estimator, self.task = estimator, task

    def fit(self, rows):
        mean = rows.agg({"label": "avg"}).first()[0]
        return AverageModel(mean * self.estimator.parameters.get("factor", 1.0), self.task)

    @classmethod
    def load(cls, task, features, model, run, scratch):
        import mlflow

        return AverageModel(mlflow.artifacts.load_dict(f"runs:/{run}/average.json")["mean"], task)


class AverageModel:
    def __init__(self, mean, task):
        self.mean, self.task = mean, task

    def score(self, frame):
        from pyspark.sql import functions as F

        return frame.withColumn(self.task.answer, F.lit(self.mean))

    def reasons(self, features):
        return self.mean, ()

    def log(self, name, scratch):
        import mlflow

        mlflow.log_dict({"mean": self.mean}, "average.json")
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A distribution `somebody` with the module, as pip would have put it on the path."""
    (tmp_path / "somebodys_average.py").write_text(MODULE, encoding="utf-8")
    about = tmp_path / "somebody-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody\nVersion: 1.0\n", encoding="utf-8")
    registered = "[livegold.estimators]\naverage = somebodys_average:AverageLearner\n"
    (about / "entry_points.txt").write_text(registered, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("somebodys_average", None)


@pytest.mark.spark
def test_an_estimator_of_another_package_learns_is_stored_and_scores(spark: SparkSession, package: Path) -> None:
    from somebodys_average import Average  # type: ignore[import-not-found]

    case = replace(TIP, model=replace(TIP.model, estimator=Average(parameters={"factor": 2.0})))
    start = datetime(2026, 3, 1, tzinfo=UTC)
    made = [(str(n), start + timedelta(minutes=n), *[float(n)] * 11, float(n % 20)) for n in range(300)]
    rows = spark.createDataFrame(made, ["event_id", "event_time", *feature_columns(case), "label"])
    model, evaluation = train(case, rows)
    # Of 0 to 19, each as often as the other, the mean is 9.5.
    assert evaluation.quality["mean"] == 9.5
    assert evaluation.quality["bias"] == pytest.approx(9.5)

    registry = Registry(load({}, Path("none"), home=str(package / "home")))
    for version in ("1", "2"):
        assert registry.register(case, model, evaluation.metrics(), {}).version == version
    registry.promote(case, "2")
    champion = registry.load_champion(case)
    assert champion.version == "2"
    assert {row[0] for row in champion.score(rows).select("predicted").collect()} == {19.0}
    assert champion.model.reasons({}) == (pytest.approx(19.0), ())


def test_a_champion_of_a_package_that_is_gone_is_refused_with_what_to_do(package: Path) -> None:
    from somebodys_average import Average, AverageModel

    case = replace(TIP, model=replace(TIP.model, estimator=Average()))
    registry = Registry(load({}, Path("none"), home=str(package / "home")))
    registry.promote(case, registry.register(case, AverageModel(1.0, case.model.task), {}, {}).version)
    (package / "somebody-1.0.dist-info" / "entry_points.txt").unlink()
    with pytest.raises(WrongUse, match="estimator 'average' has no implementation here"):
        registry.load_champion(case)
