"""Checks of this machine that need no Spark: Python, disk, lake. For Java, Spark and the hub, see streams.py."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from livegold.reporting.findings import FAILED, NOT_CHECKED, OK, WARNING, Finding
from livegold.reporting.lake import Lake
from livegold.reporting.settings import Settings, all_settings
from livegold.reporting.specification import UseCase

MACHINE, LAKE = "machine", "lake"
MIN_PYTHON = (3, 11)
GB = 1024**3
# A demo writes several GB an hour, and a full disk corrupts the broker's log.
MIN_FREE_BYTES = 1 * GB
FEW_FREE_BYTES = 5 * GB


def python_version() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] >= MIN_PYTHON
    wanted = ".".join(map(str, MIN_PYTHON))
    yield Finding(MACHINE, "Python", OK if good else FAILED, found, "" if good else f"install Python {wanted} or later")


def disk_space(settings: Settings) -> Iterator[Finding]:
    places = {"home": settings.home.resolve()}
    if (lake := local_folder(settings.lake)) is not None:
        places["lake"] = lake
    seen = set()
    for name, place in places.items():
        there = _nearest(place)
        if (device := there.stat().st_dev) in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        verdict = FAILED if free < MIN_FREE_BYTES else WARNING if free < FEW_FREE_BYTES else OK
        advice = "" if verdict == OK else f"free some, or set {name} to another disk"
        yield Finding(MACHINE, f"disk of {name}", verdict, f"{free / GB:,.1f} GB free", advice)


def lake_access(settings: Settings) -> Iterator[Finding]:
    """Writes, reads and deletes a small file at the lake's root."""
    folder = local_folder(settings.lake)
    if folder is None:
        advice = "a run writes there through Spark, which has its own credentials: it will say"
        yield Finding(LAKE, "writable", NOT_CHECKED, settings.lake, advice)
        return
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    file = folder / f"livegold-doctor-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text("written", encoding="utf-8")
        read = file.read_text(encoding="utf-8")
        file.unlink()
        for new in made:
            new.rmdir()
    except OSError as error:
        advice = "give this user the right to write there, or set lake to another folder"
        yield Finding(LAKE, "writable", FAILED, f"{folder}: {error.strerror or error}", advice)
        return
    good = read == "written"
    yield Finding(
        LAKE, "writable", OK if good else FAILED, str(folder), "" if good else "what was read was not written"
    )


def gold_tables(settings: Settings, case: UseCase | None) -> Iterator[Finding]:
    """Whether the use case's gold, if any, can be read."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    if case is None:
        yield Finding(LAKE, "gold", NOT_CHECKED, "no use case was named", "give one: `livegold doctor USECASE`")
        return
    lake = Lake.of(settings, case.name)
    try:
        if not DeltaTable.is_deltatable(lake.pulse):
            advice = f"`livegold run {case.name}` makes it"
            yield Finding(LAKE, "gold", OK, f"none yet in {lake.gold}", advice)
            return
        table = DeltaTable(lake.pulse)
        yield Finding(LAKE, "gold", OK, f"{lake.pulse}: version {table.version()}, {len(table.file_uris())} files")
    except (DeltaError, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        if local_folder(settings.lake) is None:
            advice = "only `livegold sql` reads without Spark: give it the storage's credentials in the environment"
            yield Finding(LAKE, "gold", WARNING, f"{lake.pulse}: {said}", advice)
        else:
            advice = "the table is damaged or cannot be read by this user: look at its _delta_log"
            yield Finding(LAKE, "gold", FAILED, f"{lake.pulse}: {said}", advice)


def settings_that_matter(settings: Settings, prefixes: tuple[str, ...]) -> dict[str, str]:
    """Settings in these sections that differ from their defaults, and each secret as "set" or "not set"."""
    found = {}
    for setting in all_settings():
        if not setting.key.startswith(prefixes):
            continue
        if setting.secret:
            found[setting.key] = "set" if settings.has_secret(setting.key) else "not set"
        elif settings[setting.key] != setting.default:
            found[setting.key] = settings[setting.key]
    return found


def local_folder(root: str) -> Path | None:
    """The folder of a lake on this machine, None for a remote one."""
    address = urlsplit(root)
    if address.scheme == "file":
        return Path(address.path)
    return None if "://" in root else Path(root)


def _nearest(place: Path) -> Path:
    return next(p for p in (place, *place.parents) if p.exists())
