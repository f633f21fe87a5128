"""Models in the MLflow registry: stored with what is needed to evaluate them, found by the alias `champion`.

Does not train them. The registered model has the name of the use case.
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

if TYPE_CHECKING:
    from livegold.streams.models.estimators import Fitted
    from livegold.streams.models.score import Scorer

CHAMPION = "champion"
CHECK_SECONDS = 5.0
"""How long a running stream may keep using a champion after the alias was moved."""


@dataclass(frozen=True)
class Registered:
    """A version in the registry and its quality on the newest part of its history.

    `task` is the name of the task's class, `estimator` the name of the implementation that trained it.
    """

    version: str
    metrics: Mapping[str, float]
    features: tuple[str, ...]
    task: str
    estimator: str
    run_id: str


class Registry:
    """The registry named in the settings; a SQLite file under the home by default."""

    def __init__(self, settings: Settings) -> None:
        self._uri = settings.mlflow_uri
        self._artifacts = settings.home.resolve() / "models"
        self._local = self._uri.startswith("sqlite:")
        if self._local:
            settings.home.mkdir(parents=True, exist_ok=True)

    def champion(self, case: UseCase) -> Registered | None:
        """The champion of a use case, or None if there is none."""
        from mlflow.exceptions import MlflowException

        client = self._client()
        try:
            version = client.get_model_version_by_alias(case.name, CHAMPION)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
        run = client.get_run(version.run_id)
        tags = version.tags
        features = tuple(json.loads(tags.get("features", "[]")))
        task, estimator = tags.get("task", ""), tags.get("estimator", "")
        return Registered(str(version.version), dict(run.data.metrics), features, task, estimator, version.run_id)

    def usable_champion(self, case: UseCase) -> Registered:
        """The champion, if the use case as it is now can score with it; does not need Spark.

        Raises NotFound if there is none, and WrongUse if it was trained for another task or on other features; each
        says what to do. It may have been trained by a different estimator than the use case's current one.
        """
        champion = self.champion(case)
        if champion is None:
            raise NotFound(f"use case {case.name} has no champion model: run `livegold train {case.name}` first")
        if champion.task != _task(case):
            raise WrongUse(
                f"champion {champion.version} of {case.name} was trained for task {champion.task or 'unknown'}, the "
                f"use case has {_task(case)}: run `livegold train {case.name} --promote`"
            )
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
        from livegold.reporting.pipeline import feature_columns
        from livegold.streams.models.estimators import implementation
        from livegold.streams.models.score import Scorer

        address = f"models:/{case.name}/{champion.version}"
        made = implementation(champion.estimator)
        with _quiet():
            model = made.load(case.model.task, feature_columns(case), address, champion.run_id, self._scratch())
        return Scorer(champion.version, model)

    def register(
        self, case: UseCase, model: Fitted, metrics: Mapping[str, float], parameters: Mapping[str, Any]
    ) -> Registered:
        """Stores a model as a new version with its metrics; does not make it the champion."""
        import mlflow

        client = self._client()
        if mlflow.get_experiment_by_name(case.name) is None:
            place = (self._artifacts / case.name).as_uri() if self._local else None
            mlflow.create_experiment(case.name, artifact_location=place)
        mlflow.set_experiment(case.name)
        features = [f"{f.name} = {f.sql}" for f in case.model.features]
        with _quiet(), mlflow.start_run() as run:
            mlflow.log_params(dict(parameters))
            mlflow.log_metrics(dict(metrics))
            model.log(case.name, self._scratch())
        version = self._version(client, case, run.info)
        task, estimator = _task(case), case.model.estimator.implementation
        for tag, value in (("features", json.dumps(features)), ("task", task), ("estimator", estimator)):
            client.set_model_version_tag(case.name, version, tag, value)
        return Registered(version, dict(metrics), tuple(features), task, estimator, run.info.run_id)

    def _version(self, client: Any, case: UseCase, run: Any) -> str:
        """The version that an MLflow flavour registered, or else a new one from the run's artifacts."""
        found = client.search_model_versions(f"name='{case.name}' and run_id='{run.run_id}'")
        if not found:
            if not client.search_registered_models(f"name='{case.name}'"):
                client.create_registered_model(case.name)
            found = [client.create_model_version(case.name, run.artifact_uri, run.run_id)]
        return str(found[0].version)

    def promote(self, case: UseCase, version: str) -> None:
        """Moves the alias `champion` to a version."""
        self._client().set_registered_model_alias(case.name, CHAMPION, version)

    def _client(self) -> Any:
        # Otherwise MLflow looks for Git and for newer versions of itself.
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
    """Imports MLflow in the background, which takes seconds, while Spark starts."""
    threading.Thread(target=importlib.import_module, args=("mlflow",), daemon=True).start()


def _task(case: UseCase) -> str:
    return type(case.model.task).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences MLflow and Alembic, which report every step on stderr; errors are still raised as exceptions."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("mlflow", "alembic", "alembic.runtime.migration", "mlflow.store.db.utils"):
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
