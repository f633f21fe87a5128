"""Finds the Java to run the broker and Spark with, and checks that it is suitable. Starts neither."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from livegold.reporting.errors import WrongUse

# What Spark 4 and the broker of Kafka 4 need (spark.apache.org/docs/latest, kafka.apache.org/documentation).
MIN_JAVA = 17
# Only the quick compiler: otherwise most of the time of a short run would go into optimizing compilation.
QUICK_START = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
_ANSWER_SECONDS = 30
_WHAT_TO_DO = f"install Java {MIN_JAVA} or later (for example OpenJDK {MIN_JAVA}) and set JAVA_HOME to it"


def check_java() -> Path:
    """The `java` executable to use: that of JAVA_HOME, or else the first on PATH.

    Raises WrongUse, with one line that says what to do, if there is none, it does not run, or it is too old.
    """
    return _checked(os.environ.get("JAVA_HOME", ""), os.environ.get("PATH", ""))


def java_home() -> Path:
    """The folder to set JAVA_HOME to for the Java of `check_java()`, with symbolic links resolved."""
    return check_java().resolve().parent.parent


@cache
def _checked(home: str, path: str) -> Path:
    if home:
        java = Path(home) / "bin" / "java"
        where = f"JAVA_HOME is {home}, which"
        if not java.is_file():
            raise WrongUse(f"{where} has no bin/java: {_WHAT_TO_DO}")
    else:
        found = shutil.which("java", path=path)
        if found is None:
            raise WrongUse(f"there is no Java on PATH: {_WHAT_TO_DO}")
        java = Path(found)
        where = f"{java}"
    try:
        answer = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=_ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WrongUse(f"{where} does not run ({error}): {_WHAT_TO_DO}") from error
    text = answer.stderr + answer.stdout
    version = re.search(r'version "(?:1\.)?(\d+)', text)
    if answer.returncode != 0 or version is None:
        first = (text.strip().splitlines() or ["no output"])[0]
        raise WrongUse(f"{where} gave no version ({first}): {_WHAT_TO_DO}")
    if int(version[1]) < MIN_JAVA:
        raise WrongUse(f"{where} is Java {version[1]}: {_WHAT_TO_DO}")
    return java
