"""Small files and folders in a lake, on this machine or at a URL through delta-rs. Not for tables.

A URL is accessed in the same way as its tables (`storage_options`), so whatever can read gold can read these files.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deltalake.fs import DeltaStorageHandler
from pyarrow import fs

from livegold.reporting.lake.sql import storage_options

_FILE = "file://"


def is_remote(path: str) -> bool:
    """Whether a path is a URL outside this machine's file system."""
    return "://" in path and not path.startswith(_FILE)


def _local(path: str) -> Path:
    return Path(unquote(urlsplit(path).path)) if path.startswith(_FILE) else Path(path)


def read_text(path: str) -> str | None:
    """The contents of a file, None if it does not exist."""
    try:
        if not is_remote(path):
            return _local(path).read_text(encoding="utf-8")
        folder, _, name = path.rpartition("/")
        with _store(folder).open_input_stream(name) as file:
            return str(file.read().decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_text(path: str, text: str) -> None:
    """Writes a file atomically, creating its folder: it exists completely or not at all, even after a power failure."""
    if is_remote(path):
        folder, _, name = path.rpartition("/")
        with _store(folder).open_output_stream(name) as out:
            out.write(text.encode())
        return
    file = _local(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    with new.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def names_in(path: str) -> list[str]:
    """The sorted names in a folder; empty if it does not exist."""
    if not is_remote(path):
        return sorted(p.name for p in _local(path).glob("*"))
    found = _store(path).get_file_info(fs.FileSelector("", allow_not_found=True))
    return sorted(f.base_name for f in found)


def delete_file(path: str) -> None:
    """Deletes a file, if it exists."""
    if not is_remote(path):
        _local(path).unlink(missing_ok=True)
        return
    folder, _, name = path.rpartition("/")
    with contextlib.suppress(FileNotFoundError):
        _store(folder).delete_file(name)


def delete_folder(path: str) -> None:
    """Deletes a folder and its contents, if it exists."""
    if not is_remote(path):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(_local(path))
        return
    folder, _, name = path.rpartition("/")
    _store(folder).delete_dir(name)


def _store(url: str) -> fs.FileSystem:
    return fs.PyFileSystem(DeltaStorageHandler(url, storage_options(url)))
