"""Models in the MLflow registry: stored with what they need to be evaluated, found by the alias `champion`.

Not for training them. The registered model has the name of the use case.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livegold.reporting.errors import NotFound, WrongUse, choices
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase
from livegold.streams.models.score import ExpressionScorer, Scorer, expression_of, scorer

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel

CHAMPION = "champion"
EXPRESSION = "score.sql"
"""Artifact of a run that holds the model as SQL, where it can be said so."""
CHECK_SECONDS = 5.0
"""How long a running stream may go on with a champion that was moved meanwhile."""


@dataclass(frozen=True)
class Registered:
    """A version in the registry and how good it was on the newest part of its history."""

    version: str
    metrics: Mapping[str, float]
    features: tuple[str, ...]
    run_id: str


class Registry:
    """The registry the settings name; a sqlite file under the home by default."""

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.mlflow_uri
        self._artifacts = settings.home.resolve() / "models"
        self._local = self._uri.startswith("sqlite:")
        if self._local:
            settings.home.mkdir(parents=True, exist_ok=True)

    def champion(self, case: UseCase) -> Registered | None:
        """The champion of a use case, or None when there is none."""
        from mlflow.exceptions import MlflowException

        client = self._client()
        try:
            version = client.get_model_version_by_alias(case.name, CHAMPION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        run = client.get_run(version.run_id)
        features = tuple(json.loads(version.tags.get("features", "[]")))
        return Registered(str(version.version), dict(run.data.metrics), features, version.run_id)

    def usable_champion(self, case: UseCase) -> Registered:
        """The champion, if the use case as it is now can score with it; touches no Spark.

        Raises NotFound when there is none and WrongUse when it was trained on other features, both saying what to do.
        """
        champion = self.champion(case)
        if champion is None:
            raise NotFound(f"use case {case.name} has no champion model: run `livegold train {case.name}` first")
        wanted = tuple(f"{f.name} = {f.sql}" for f in case.model.features)
        if champion.features != wanted:
            changed = sorted(set(champion.features) ^ set(wanted)) or ["their order"]
            raise WrongUse(
                f"champion {champion.version} of {case.name} was trained on other features "
                f"({choices(changed)} differ): run `livegold train {case.name} --promote`"
            )
        return champion

    def load_champion(self, case: UseCase) -> Scorer:
        """The champion, ready to score. Raises what `usable_champion` raises."""
        champion = self.usable_champion(case)
        expression = self._expression(champion)
        if expression is not None:
            return ExpressionScorer(expression, champion.version)
        import mlflow.spark

        with _quiet():
            model = mlflow.spark.load_model(f"models:/{case.name}/{champion.version}", dfs_tmpdir=self._scratch())
        return scorer(model, [f"feature_{f.name}" for f in case.model.features], champion.version)

    def _expression(self, champion: Registered) -> str | None:
        """The model as SQL, kept beside it when it was registered: a second instead of the eight of loading it."""
        client = self._client()
        if not any(artifact.path == EXPRESSION for artifact in client.list_artifacts(champion.run_id)):
            return None
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            return Path(client.download_artifacts(champion.run_id, EXPRESSION, folder)).read_text(encoding="utf-8")

    def register(
        self, case: UseCase, model: PipelineModel, metrics: Mapping[str, float], parameters: Mapping[str, Any]
    ) -> Registered:
        """Stores a model as a new version with its metrics; does not make it champion."""
        import mlflow
        import mlflow.spark

        client = self._client()
        if mlflow.get_experiment_by_name(case.name) is None:
            place = (self._artifacts / case.name).as_uri() if self._local else None
            mlflow.create_experiment(case.name, artifact_location=place)
        mlflow.set_experiment(case.name)
        features = [f"{f.name} = {f.sql}" for f in case.model.features]
        with _quiet(), mlflow.start_run() as run:
            mlflow.log_params(dict(parameters))
            mlflow.log_metrics(dict(metrics))
            # Naming the requirements spares MLflow a minute of finding them out by loading the model elsewhere.
            mlflow.spark.log_model(
                model,
                artifact_path="model",
                pip_requirements=["pyspark"],
                registered_model_name=case.name,
                dfs_tmpdir=self._scratch(),
            )
            expression = expression_of(model, [f"feature_{f.name}" for f in case.model.features])
            if expression is not None:
                mlflow.log_text(expression, EXPRESSION)
        found = client.search_model_versions(f"name='{case.name}' and run_id='{run.info.run_id}'")
        version = str(found[0].version)
        client.set_model_version_tag(case.name, version, "features", json.dumps(features))
        return Registered(version, dict(metrics), tuple(features), run.info.run_id)

    def promote(self, case: UseCase, version: str) -> None:
        """Moves the alias `champion` to a version."""
        self._client().set_registered_model_alias(case.name, CHAMPION, version)

    def _client(self) -> Any:
        # MLflow looks for Git and for newer versions of itself otherwise.
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        with _quiet():
            import mlflow

            mlflow.set_tracking_uri(self._uri)
            mlflow.set_registry_uri(self._uri)
            return mlflow.MlflowClient()

    def _scratch(self) -> str | None:
        if not self._local:
            return None
        folder = Path(tempfile.gettempdir()) / "livegold-models"
        folder.mkdir(exist_ok=True)
        return folder.as_uri()


def import_early() -> None:
    """Imports MLflow in the background: the seconds that takes pass while Spark starts."""
    threading.Thread(target=importlib.import_module, args=("mlflow",), daemon=True).start()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """MLflow and alembic tell of every step on stderr; errors still come as exceptions."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("mlflow", "alembic", "alembic.runtime.migration", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
