"""Keeps a user's login in a file only its owner can read, so that a scheduled job need not sign in again.

Not encrypted: its contents are as sensitive as a password, as in the cache of Azure's own command line on Linux.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import msal

from livegold.reporting.errors import SettingsError

log = logging.getLogger(__name__)
FILE_NAME = "powerbi-token-cache.json"
OWNER_ONLY = 0o600


class TokenCacheFile:
    """msal's token cache in `<home>/powerbi-token-cache.json`.

    Several processes may share it: each writes the whole file atomically, the last one wins, and an Entra ID refresh
    token that was replaced by another process keeps working.
    """

    def __init__(self, home: Path) -> None:
        self.file = home / FILE_NAME
        self._cache: Any = msal.SerializableTokenCache()

    def read(self) -> Any:
        """msal's cache with the contents of the file; empty if the file does not exist or holds no valid cache."""
        try:
            self._cache.deserialize(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise SettingsError(f"{self.file} cannot be read ({error.strerror}): delete it and sign in again") from None
        except ValueError:
            log.warning("%s holds no login: sign in again", self.file)
        return self._cache

    def write(self) -> None:
        """Writes msal's changes to the file, readable by its owner only."""
        if not self._cache.has_state_changed:
            return
        new = self.file.with_name(f"{FILE_NAME}.{os.getpid()}.new")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                out.write(self._cache.serialize())
            os.replace(new, self.file)
        except OSError as error:
            raise SettingsError(
                f"the login cannot be kept in {self.file} ({error.strerror}): give a folder that can be written as home"
            ) from None
