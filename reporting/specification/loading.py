"""Finds use cases by the name a package registers, or in a Python file, which is loaded as an ordinary module.

A package registers its use cases as entry points in the group `livegold.usecases`, as livegold does its own. A file may
define dataclasses and import files next to it; its folder stays on the import path from then on.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

from livegold.reporting.errors import SpecificationError, choices
from livegold.reporting.plugins import explained, loaded, registered
from livegold.reporting.specification.usecase import UseCase

GROUP = "livegold.usecases"

_beside: dict[Path, dict[str, ModuleType]] = {}
"""Per folder, the modules that use cases in that folder have imported from it."""


def load_use_case(name: str) -> UseCase:
    """Returns the use case registered under a name, or the `USECASE` of a Python file.

    Raises SpecificationError when there is none (listing the registered ones) or when it cannot be loaded.
    """
    known = _registered()
    if name in known:
        case = loaded(known[name], "use case", SpecificationError)
    elif name.endswith(".py") and Path(name).is_file():
        case = getattr(_module_of(Path(name).resolve()), "USECASE", None)
    else:
        raise SpecificationError(f"use case {name!r} is not known: give {choices(known)}, or the path of a .py file")
    if not isinstance(case, UseCase):
        raise SpecificationError(f"{name} has no USECASE that is a livegold.UseCase: add one")
    return case


def registered_use_cases() -> tuple[str, ...]:
    """Sorted names of the use cases that come with livegold and with other installed packages."""
    return tuple(_registered())


def _registered() -> dict[str, EntryPoint]:
    return registered(GROUP, "use case", SpecificationError)


def _module_of(file: Path) -> ModuleType:
    # Unique per file: two files in different folders may have the same name.
    name = f"livegold_use_case_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look up their module to read annotations.
    sys.modules[name] = module
    try:
        with explained(str(file), SpecificationError), _imports_beside(file.parent):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def _imports_beside(folder: Path) -> Iterator[None]:
    """Makes files in `folder` importable by name, even if other use cases imported files with the same names."""
    for other, modules in _beside.items():
        for name, module in modules.items():
            if other != folder and sys.modules.get(name) is module:
                del sys.modules[name]
    sys.modules.update(_beside.get(folder, {}))
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        # Moved to the end of the path: a function may still import later, but no file in the folder may shadow other
        # modules.
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        fresh = {n: m for n, m in sys.modules.items() if n not in before and _lies_in(m, folder)}
        _beside.setdefault(folder, {}).update(fresh)


def _lies_in(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(folder)
