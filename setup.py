"""Which folder is which package: `reporting/` is installed as `livegold.reporting`, and so on. The rest:
pyproject.toml.

The links `livegold/reporting` and so on are for type checkers and editors alone, which follow no mapping of setuptools;
what is installed does not depend on them.
"""

from setuptools import find_packages, setup

ROOMS = ("reporting", "streams", "dashboards")


def packages() -> dict[str, str]:
    """The folder of each package, by its name. A folder without an `__init__.py`, as a generated template, is none."""
    found = [name for room in ROOMS for name in (room, *(f"{room}.{package}" for package in find_packages(room)))]
    return {"livegold": "livegold"} | {f"livegold.{name}": name.replace(".", "/") for name in found}


if __name__ == "__main__":
    setup(packages=list(packages()), package_dir=packages())
