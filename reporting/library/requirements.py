"""What a command needs installed beyond livegold's own dependencies, checked before anything starts."""

from __future__ import annotations

import importlib.util

from livegold.reporting.errors import WrongUse

SPARK = {"pyspark": "spark", "delta": "spark"}
MODELS = {"mlflow": "models"}
LOCAL = {"uvicorn": "local", "starlette": "local", "cryptography": "local"}

PAGE = {"nicegui": "preview"}
SCREENSHOTS = {"selenium": "screenshots"}


def require(*groups: dict[str, str]) -> None:
    """Raises WrongUse, naming the extras to install, if a module of `groups` (module -> extra) is missing."""
    wanted = {module: extra for group in groups for module, extra in group.items()}
    missing = [module for module in wanted if importlib.util.find_spec(module) is None]
    if missing:
        extras = ",".join(dict.fromkeys(wanted[module] for module in missing))
        raise WrongUse(f"{missing[0]} is not installed: run `pip install 'livegold[{extras}]'`")
