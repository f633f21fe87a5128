"""Takes secrets out of texts that are about to be shown. Not for keeping them."""

from __future__ import annotations

import os
import re

from livegold.reporting.settings import secret_variables

HIDDEN = "***"
_KEY = re.compile(r"SharedAccessKey=([^;\s]+)")


def redacted(text: str) -> str:
    """`text` without any secret that is set, nor the key inside a connection string.

    Read from the environment, where alone secrets may be: the settings themselves may be what is wrong.
    """
    secrets = [os.environ.get(variable, "") for variable in secret_variables()]
    secrets += [key for secret in secrets for key in _KEY.findall(secret)]
    # The longest first: one may hold another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _KEY.sub(f"SharedAccessKey={HIDDEN}", text)
