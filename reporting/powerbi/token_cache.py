"""The login of a user, kept in a file that only its owner can read, so that a scheduled job needs no second one.

Not encrypted: what is in it is worth a password, as in the caches of Azure's own command line on Linux.
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

    Several processes may use one: each writes the whole file in one step, the last one wins, and a refresh token of
    Entra ID that another one has replaced goes on working.
    """

    def __init__(self, home: Path) -> None:
        self.file = home / FILE_NAME
        self._cache: Any = msal.SerializableTokenCache()

    def read(self) -> Any:
        """msal's cache with what the file holds; empty when there is none, or none that can be read."""
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
        """Writes what msal has changed, for its owner only."""
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
