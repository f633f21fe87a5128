"""Which folder is which package: `reporting/` is installed as `livegold.reporting`, and so on. The rest:
pyproject.toml.

The links `livegold/reporting` and so on are for type checkers and editors alone, which follow no mapping of setuptools;
what is installed does not depend on them, and none gets into an sdist.
"""

from setuptools import find_packages, setup

ROOMS = ("reporting", "streams", "dashboards")


def packages() -> dict[str, str]:
    """The folder of each package, by its name. A folder without `__init__.py`, as generated templates are, is none."""
    inside = [f"{room}.{name}" for room in ROOMS for name in find_packages(room)]
    return {"livegold": "livegold"} | {f"livegold.{name}": name.replace(".", "/") for name in (*ROOMS, *inside)}


if __name__ == "__main__":
    setup(packages=list(packages()), package_dir=packages())
