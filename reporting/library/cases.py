"""The arguments common to all calls: a use case, in any form, and the settings. Not for what is done with them."""

from __future__ import annotations

from pathlib import Path

from livegold.reporting.settings import Settings
from livegold.reporting.settings import load as load_settings
from livegold.reporting.specification import UseCase, load_use_case

Case = UseCase | str | Path
"""A use case itself, a registered name such as `taxi_tips`, or the path of a Python file with a `USECASE`."""


def load(case: Case) -> UseCase:
    """The use case for a registered name or a Python file; a use case that is already loaded is returned as is.

    Raises SpecificationError when there is none (listing the registered ones) or when it cannot be loaded.
    """
    return case if isinstance(case, UseCase) else load_use_case(str(case))


def settings(**changed: str | int | float | Path) -> Settings:
    """The settings in force: `changed` over the environment over `livegold.toml` over defaults.

    Names are those of docs/settings.md with `__` for the dot: `settings(home="state", hub__kind="folder")`. Secrets may
    be passed too, from wherever a notebook keeps them. Raises SettingsError for an unknown name or an invalid value.
    """
    return load_settings(None, None, **{key: str(value) for key, value in changed.items()})
