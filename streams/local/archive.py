"""Java's archive of Spark's classes (AppCDS), with which a local Spark starts seconds sooner. Does not start Spark.

Reading and verifying some ten thousand classes is a third of the processor time of a start. `python -m
livegold.streams.local.archive` makes the archive, once for each pair of Java and Spark; a start without it, or with one
that does not match, is only slower.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from livegold.reporting.errors import WrongUse
from livegold.reporting.home import cache_folder
from livegold.streams.local.java import QUICK_START, check_java

MAKE_SECONDS = 300


def archive_file() -> Path:
    """Where the archive for this Java and this Spark is, or would be."""
    java, jars = check_java().resolve(), Path(pyspark.__file__).parent / "jars"
    parts = [str(java), str(java.stat().st_mtime_ns), str(jars), str(jars.stat().st_mtime_ns) if jars.is_dir() else ""]
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return cache_folder() / f"spark-classes-{pyspark.__version__}-{key}.jsa"


def java_option() -> str:
    """The option that makes Java use the archive; empty if there is none."""
    file = archive_file()
    return f"-XX:SharedArchiveFile={file}" if file.is_file() and " " not in str(file) else ""


def make_archive() -> Path:
    """Makes the archive if it is missing, by running a little of everything in a Spark of its own."""
    file = archive_file()
    if file.is_file():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="livegold-archive-") as folder:
        made = Path(folder) / "classes.jsa"
        command = [sys.executable, "-m", "livegold.streams.local.archive", folder, str(made)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAKE_SECONDS)
        if done.returncode != 0 or not made.is_file():
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise WrongUse(f"the archive of Spark's classes was not made ({last}): starts are slower, no more")
        new = file.with_suffix(f".{os.getpid()}.new")
        new.write_bytes(made.read_bytes())
        new.replace(file)
    return file


def _run_a_little(folder: str, archive: str) -> None:
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    from livegold.reporting.settings import load
    from livegold.streams.local.session import spark_session

    options = f"-XX:ArchiveClassesAtExit={archive} {QUICK_START}"
    options += " -Xlog:cds=off -Xlog:cds+dynamic=off"
    home = Path(folder) / "home"
    settings = load(
        {}, Path("none"), home=str(home), spark__memory="1g", spark__master="local[2]", spark__java_options=options
    )
    spark = spark_session(settings)
    table, out = str(home / "table"), str(home / "out")
    text = F.concat(F.lit('{"n":'), F.col("id").cast("string"), F.lit(', "at":"2026-01-01 00:00:00"}'))
    rows = spark.range(2_000).select(F.from_json(text, "n bigint, at timestamp").alias("event")).select("event.*")
    rows.write.format("delta").save(table)

    def copy(frame: DataFrame, number: int) -> None:
        kept = frame.withColumn("k", F.col("n") % 7).persist()
        sums = kept.groupBy("k").agg(F.count("*").alias("c"), F.sum("n").alias("s"))
        sums.write.format("delta").mode("append").save(out)
        kept.orderBy(F.desc("n")).limit(5).toArrow()
        kept.unpersist()

    stream = spark.readStream.format("delta").load(table).writeStream.foreachBatch(copy)
    stream = stream.option("checkpointLocation", str(home / "checkpoint")).trigger(availableNow=True)
    stream.start().awaitTermination()
    # Java writes the archive when it exits, which is after we do. It also holds our standard output, so whoever reads
    # that to its end has waited for the archive.
    spark.stop()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        _run_a_little(sys.argv[1], sys.argv[2])
    else:
        try:
            print(f"made {make_archive()}")
        except (WrongUse, OSError, subprocess.TimeoutExpired) as error:
            # Nothing depends on the archive.
            print(f"livegold: {error}", file=sys.stderr)
