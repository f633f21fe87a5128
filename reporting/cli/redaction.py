"""Removes secrets from texts before they are shown. Does not store secrets."""

from __future__ import annotations

import os
import re

from livegold.reporting.settings import secret_variables

HIDDEN = "***"
_KEY = re.compile(r"SharedAccessKey=([^;\s]+)")


def redacted(text: str) -> str:
    """`text` without any secret that is set or the key inside a connection string.

    Secrets are read from the environment, the only place for them, because the settings themselves may be invalid.
    """
    secrets = [os.environ.get(variable, "") for variable in secret_variables()]
    secrets += [key for secret in secrets for key in _KEY.findall(secret)]
    # Longest first: one may contain another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _KEY.sub(f"SharedAccessKey={HIDDEN}", text)
