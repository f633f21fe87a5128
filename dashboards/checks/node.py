"""Runs a Node.js tool and reads the JSON it prints. Does not interpret it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# The parser of M takes about a second for a text with a thousand rows written out in it.
_SECONDS = 600


class NoAnswer(Exception):
    """The tool does not run here; its text says why."""


def answer(script: Path, arguments: Sequence[str], modules: Path, stdin: str = "") -> Any:
    """The JSON printed by `node script arguments...`. Raises NoAnswer if the output is not JSON."""
    command = ["node", str(script), *arguments]
    environment = {**os.environ, "NODE_PATH": str(modules)}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, encoding="utf-8", input=stdin, env=environment, timeout=_SECONDS
        )
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"node {script.name} gave no answer in {_SECONDS} s: try again") from None
    except OSError as error:
        raise NoAnswer(f"node does not run ({error}): install Node.js 20 or later") from None
    except ValueError:
        lines = [line for line in done.stderr.splitlines() if "Error" in line] or [f"exit code {done.returncode}"]
        raise NoAnswer(f"node {script.name} does not run here ({lines[0].strip()}): reinstall {modules}") from None
