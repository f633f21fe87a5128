"""The Spark session livegold runs on. Contains no queries.

On a cluster (Databricks, Fabric, spark-submit) the active session is used as it is. On a laptop one is started with
Delta and Kafka, sized for few cores, with the JVM's output going to a file instead of the terminal.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pyspark
from pyspark.sql import SparkSession

from livegold.reporting.home import cache_folder
from livegold.reporting.settings import Settings
from livegold.streams.local.java import check_java

KAFKA = f"org.apache.spark:spark-sql-kafka-0-10_2.13:{pyspark.__version__}"

LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = Console
appender.file.name = file
appender.file.target = SYSTEM_ERR
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex{short}
"""

LOCAL = {
    # Few cores: the defaults (200 shuffle tasks, 50 tasks for a Delta snapshot) cost more than the work itself.
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Spark shows options in plans and errors; options with these names hold passwords or connection strings.
    "spark.redaction.regex": "(?i)secret|password|passwd|token|access[.]?key|jaas|connection",
    "spark.sql.redaction.options.regex": "(?i)url|secret|password|token|jaas|connection",
    # The bytes of events never repeat: a dictionary of them would be built only to be discarded.
    "spark.hadoop.parquet.enable.dictionary#value": "false",
    # A batch is cached for seconds: compressing it costs more than the memory it saves.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}

REQUIRED = {
    # Times in gold are UTC whatever the machine's time zone; a use case's own time zone is applied while parsing.
    "spark.sql.session.timeZone": "UTC",
}


def spark_session(settings: Settings, log: Path | None = None, *, given: SparkSession | None = None) -> SparkSession:
    """`given`, or the active session, or a local one whose JVM writes to `log` (default `<home>/logs/spark.log`).

    Raises WrongUse if Java is missing or too old.
    """
    active = given or SparkSession.getActiveSession()
    if active is None:
        check_java()
        active = _start(settings, log or settings.home / "logs" / "spark.log")
    for key, value in REQUIRED.items():
        active.conf.set(key, value)
    return active


def _start(settings: Settings, log: Path) -> SparkSession:
    from delta import configure_spark_with_delta_pip

    # Otherwise Spark starts the `python3` on PATH, which may not be the one with livegold installed.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    log.parent.mkdir(parents=True, exist_ok=True)
    log4j = log.parent / "log4j2.properties"
    log4j.write_text(LOG4J, encoding="utf-8")
    builder = SparkSession.builder.master(settings["spark.master"] or "local[*]").appName("livegold")
    for key, value in LOCAL.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.driver.memory", settings["spark.memory"])
    # The validation of an event becomes one method that is too long for Java to compile by default and would be
    # interpreted. The optimizing compiler takes 5 s for it, three times, with the interpreter running in between. With
    # a node limit such a method is left to the quick compiler, and everything it calls is optimized as usual.
    java = "-XX:+UseParallelGC -XX:-DontCompileHugeMethods -XX:MaxNodeLimit=30000 -XX:NodeLimitFudgeFactor=600"
    own = settings["spark.java_options"]
    # Not imported at the top: running that module with `python -m` would warn that it is already imported.
    from livegold.streams.local.archive import java_option

    archive = "" if "ArchiveClassesAtExit" in own else java_option()
    options = " ".join(f"-Dlog4j2.configurationFile={log4j.resolve()} {java} {archive} {own}".split())
    builder = builder.config("spark.driver.extraJavaOptions", options)
    builder = builder.config("spark.sql.warehouse.dir", str(settings.home.resolve() / "warehouse"))
    known = known_jars()
    if known:
        builder = builder.config("spark.jars", ",".join(known))
    else:
        builder = configure_spark_with_delta_pip(builder, extra_packages=[KAFKA])
    with _stderr_to(log):
        session = builder.getOrCreate()
    if not known:
        _remember_jars(session.conf.get("spark.jars", "") or "")
    return session


def jars_are_here() -> bool:
    """Whether an earlier start has fetched Delta's and Kafka's jars, and they still exist."""
    return bool(known_jars())


def _jar_list() -> Path:
    versions = f"{pyspark.__version__}-{importlib.metadata.version('delta-spark')}"
    return cache_folder() / f"spark-jars-{versions}.txt"


def known_jars() -> list[str]:
    """The paths of Delta's and Kafka's jars, if an earlier start fetched them: resolving them again takes seconds."""
    try:
        jars = _jar_list().read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return jars if all(Path(jar).is_file() for jar in jars) else []


def _remember_jars(resolved: str) -> None:
    jars = [urlsplit(jar).path for jar in resolved.split(",") if jar]
    if not jars or not all(Path(jar).is_file() for jar in jars):
        return
    # If the folder cannot be written to, the next start merely takes those seconds again.
    with contextlib.suppress(OSError):
        _jar_list().parent.mkdir(parents=True, exist_ok=True)
        _jar_list().write_text("\n".join(jars), encoding="utf-8")


@contextmanager
def _stderr_to(log: Path) -> Iterator[None]:
    """Redirects file descriptor 2 to the log for a moment, so that the JVM, which inherits it, keeps writing there."""
    sys.stderr.flush()
    own = os.dup(2)
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(own, 2)
            os.close(own)
