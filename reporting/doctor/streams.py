"""Checks for `livegold doctor` that need the streams package: Java, Spark, the hub, the model registry."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path

from livegold.reporting.errors import LivegoldError, WrongUse
from livegold.reporting.findings import FAILED, NOT_CHECKED, OK, WARNING, Finding, refused
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

MACHINE, HUB, MODEL = "machine", "hub", "model"
# spark.apache.org/docs/latest: Spark 4 runs on Java 17 and 21
TRIED_JAVA = (17, 21)
HUB_SECONDS = 10.0
_MEMORY = re.compile(r"(\d+)([gm])", re.IGNORECASE)


def java_version() -> Iterator[Finding]:
    from livegold.streams.local import check_java, java_home

    if _on_a_cluster():
        yield Finding(MACHINE, "Java", NOT_CHECKED, "the cluster has its own")
        return
    try:
        java = check_java()
    except WrongUse as error:
        yield refused(MACHINE, "Java", error)
        return
    version = _release(java_home() / "release")
    number = int(version.split(".", 1)[0]) if version.split(".", 1)[0].isdigit() else None
    found = f"{version} ({java})" if version else str(java)
    if number is not None and number > max(TRIED_JAVA):
        advice = f"Spark 4 is made for Java {TRIED_JAVA[0]} and {TRIED_JAVA[1]}: set JAVA_HOME to one of them"
        yield Finding(MACHINE, "Java", WARNING, found, advice)
        return
    yield Finding(MACHINE, "Java", OK, found)


def spark_versions() -> Iterator[Finding]:
    """Compares pyspark and delta-spark with the tested versions, and checks whether their jars are on this machine."""
    if _on_a_cluster():
        yield Finding(MACHINE, "Spark", NOT_CHECKED, "the cluster has its own")
        return
    wanted = _pinned()
    there = {name: _version(name) for name in ("pyspark", "delta-spark")}
    found = ", ".join(f"{name} {version or 'missing'}" for name, version in there.items())
    install = "run `pip install 'livegold[spark]'`"
    if not all(there.values()):
        yield Finding(MACHINE, "Spark", FAILED, found, install)
        return
    other = [f"{name} {wanted[name]}" for name in there if name in wanted and there[name] != wanted[name]]
    if other:
        yield Finding(MACHINE, "Spark", WARNING, found, f"livegold is tested with {', '.join(other)}: {install}")
    else:
        yield Finding(MACHINE, "Spark", OK, found)
    from livegold.streams.local import jars_are_here

    if jars_are_here():
        yield Finding(MACHINE, "jars of Delta and Kafka", OK, "on this machine")
    else:
        advice = "the first start fetches 200 MB and needs the way to a Maven repository"
        yield Finding(MACHINE, "jars of Delta and Kafka", WARNING, "not fetched yet, as far as is known", advice)


def memory(settings: Settings) -> Iterator[Finding]:
    """Whether the machine has the memory that Spark may use."""
    wanted = _MEMORY.fullmatch(settings["spark.memory"])
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    except (ValueError, OSError):
        return
    if wanted is None or _on_a_cluster():
        return
    gigabytes = int(wanted[1]) / (1 if wanted[2].lower() == "g" else 1024)
    said = f"{there:.1f} GB, of which spark.memory takes {gigabytes:g}"
    small = gigabytes > 0.75 * there
    yield Finding(MACHINE, "memory", WARNING if small else OK, said, "set spark.memory lower" if small else "")


def hub_access(settings: Settings, case: UseCase | None, deadline: float = HUB_SECONDS) -> Iterator[Finding]:
    """The topic: reachability, authentication, existence, number of partitions and events."""
    from livegold.streams.hub import Hub, offsets

    if case is None and not settings["hub.topic"] and settings["hub.kind"] != "folder":
        advice = "give one (`livegold doctor USECASE`), or set hub.topic"
        yield Finding(HUB, "reachable", NOT_CHECKED, "no use case was named, so no topic is known", advice)
        return
    try:
        hub = Hub.of(settings, case.name if case else "doctor")
        held = offsets(hub, deadline)
    except LivegoldError as error:
        yield refused(HUB, "reachable", error)
        return
    events = sum(end - begin for begin, end in held.values())
    what = "" if hub.folder is not None else f", {hub.security}, {len(held)} partition{'' if len(held) == 1 else 's'}"
    if events:
        yield Finding(HUB, "reachable", OK, f"{hub.where}{what}, {events:,} events")
    else:
        name = case.name if case else "USECASE"
        yield Finding(HUB, "reachable", WARNING, f"{hub.where}{what}, no event yet", f"run `livegold publish {name}`")


def champion(settings: Settings, case: UseCase | None) -> Iterator[Finding]:
    """The registry, and whether it has a model that the current use case can score with."""
    if importlib.util.find_spec("mlflow") is None:
        yield Finding(MODEL, "champion", FAILED, "mlflow is missing", "run `pip install 'livegold[models]'`")
        return
    if case is None:
        yield Finding(MODEL, "champion", NOT_CHECKED, "no use case was named", "give one: `livegold doctor USECASE`")
        return
    uri = settings.mlflow_uri
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        yield Finding(MODEL, "champion", FAILED, "no model was trained here yet", f"run `livegold train {case.name}`")
        return
    from livegold.streams.models import Registry

    try:
        found = Registry(settings).usable_champion(case)
    except LivegoldError as error:
        yield refused(MODEL, "champion", error)
        return
    except Exception as error:  # anything the registry's client raises is reported
        said = " ".join(str(error).split())[:200]
        yield Finding(MODEL, "registry", FAILED, f"{type(error).__name__}: {said}", "check mlflow.uri")
        return
    figures = (f for f in case.model.task.figures if f.name in found.metrics)
    quality = ", ".join(f"{f.label} {f.text(found.metrics[f.name])}" for f in figures)
    yield Finding(
        MODEL, "champion", OK, f"version {found.version} of {case.name}" + (f", {quality}" if quality else "")
    )


def _pinned() -> dict[str, str]:
    """Versions that livegold pins exactly."""
    found = {}
    for line in importlib.metadata.requires("livegold") or ():
        match = re.match(r"([A-Za-z0-9._-]+)==([^;\s]+)", line)
        if match:
            found[match[1]] = match[2]
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _release(file: Path) -> str:
    try:
        found = re.search(r'^JAVA_VERSION="([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""


def _on_a_cluster() -> bool:
    return "DATABRICKS_RUNTIME_VERSION" in os.environ
