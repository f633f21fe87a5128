"""The Spark session livegold runs on. Not for queries.

On a cluster (Databricks, Fabric, spark-submit) the active session is used as it is. On a laptop one is started with
Delta and Kafka, sized for few cores, and what the JVM has to say goes to a file instead of the terminal.
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
    # Spark shows options in plans and errors; these names hold a user's password or connection string.
    "spark.redaction.regex": "(?i)secret|password|passwd|token|access[.]?key|jaas|connection",
    "spark.sql.redaction.options.regex": "(?i)url|secret|password|token|jaas|connection",
    # Bytes of events never repeat: a dictionary of them is built only to be thrown away.
    "spark.hadoop.parquet.enable.dictionary#value": "false",
    # A batch is kept for seconds: packing it costs more than the memory it saves.
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
}

REQUIRED = {
    # Times are UTC in gold whatever the machine's zone; a use case's own zone is applied while parsing.
    "spark.sql.session.timeZone": "UTC",
}


def spark_session(settings: Settings, log: Path | None = None, *, given: SparkSession | None = None) -> SparkSession:
    """`given`, or the active session, or a local one whose JVM writes to `log` (default `<home>/logs/spark.log`).

    Raises WrongUse when Java is missing or too old.
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

    # Spark starts `python3` of PATH otherwise, which need not be the one that has livegold.
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    log.parent.mkdir(parents=True, exist_ok=True)
    log4j = log.parent / "log4j2.properties"
    log4j.write_text(LOG4J, encoding="utf-8")
    builder = SparkSession.builder.master(settings["spark.master"] or "local[*]").appName("livegold")
    for key, value in LOCAL.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.driver.memory", settings["spark.memory"])
    # What validates an event compiles to one method longer than Java compiles by default: it would be interpreted. And
    # its optimizing compiler takes 5 s for it, three times over, with the interpreter at work in between: with a limit
    # to what it takes on, such a method stays with the quick compiler and everything it calls is optimized as ever.
    java = "-XX:+UseParallelGC -XX:-DontCompileHugeMethods -XX:MaxNodeLimit=30000 -XX:NodeLimitFudgeFactor=600"
    own = settings["spark.java_options"]
    # Not at the top: `python -m` of that module would find it imported already, and warn.
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
    """Whether an earlier start has fetched Delta's and Kafka's jars, and they are still there."""
    return bool(known_jars())


def _jar_list() -> Path:
    versions = f"{pyspark.__version__}-{importlib.metadata.version('delta-spark')}"
    return cache_folder() / f"spark-jars-{versions}.txt"


def known_jars() -> list[str]:
    """Where Delta's and Kafka's jars are, if an earlier start has fetched them: finding out again takes seconds."""
    try:
        jars = _jar_list().read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return jars if all(Path(jar).is_file() for jar in jars) else []


def _remember_jars(resolved: str) -> None:
    jars = [urlsplit(jar).path for jar in resolved.split(",") if jar]
    if not jars or not all(Path(jar).is_file() for jar in jars):
        return
    # A home that cannot be written to costs the next start its seconds, no more.
    with contextlib.suppress(OSError):
        _jar_list().parent.mkdir(parents=True, exist_ok=True)
        _jar_list().write_text("\n".join(jars), encoding="utf-8")


@contextmanager
def _stderr_to(log: Path) -> Iterator[None]:
    """File descriptor 2 is the log for a moment, so that the JVM, which inherits it, keeps writing there."""
    sys.stderr.flush()
    own = os.dup(2)
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(own, 2)
            os.close(own)
