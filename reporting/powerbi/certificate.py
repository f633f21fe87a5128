"""Reads a service principal's certificate and private key from a PEM file. Signs nothing."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from pathlib import Path

from livegold.reporting.errors import SettingsError

PLACE = "setting powerbi.certificate"
PASSWORD = "LIVEGOLD_POWERBI_CERTIFICATE_PASSWORD"
_BLOCK = r"-----BEGIN {0}-----.*?-----END {0}-----"
_KEY = re.compile(_BLOCK.format(r"(?:RSA |ENCRYPTED )?PRIVATE KEY"), re.DOTALL)
_CERTIFICATE = re.compile(_BLOCK.format("CERTIFICATE"), re.DOTALL)


@dataclass(frozen=True)
class Certificate:
    """Both as PEM text. The key is decrypted, kept in memory only, and never shown."""

    certificate: str
    private_key: str = field(repr=False)


def read_certificate(file: Path, password: str = "", now: dt.datetime | None = None) -> Certificate:
    """The first private key in a PEM file and the matching certificate.

    The certificate must not have expired at `now`. Raises SettingsError naming the file and what is wrong with it.
    """
    # A dependency of msal, and too heavy to import for those who sign in otherwise.
    from cryptography import x509

    place = f"{PLACE} is {file}"
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no PEM file"
        raise SettingsError(f"{place}, which cannot be read ({why}): give a PEM file") from None
    blocks = [m[0] for m in _CERTIFICATE.finditer(text)]
    if not blocks:
        raise SettingsError(f"{place}, which holds no certificate: give a PEM file with private key and certificate")
    private_key, public_key = _private_key(text, password, place)
    try:
        certificates = [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
    except ValueError:
        raise SettingsError(f"{place}, which holds a damaged certificate: give it again") from None
    for block, certificate in zip(blocks, certificates, strict=True):
        if certificate.public_key() == public_key:
            ends = certificate.not_valid_after_utc
            if ends < (now or dt.datetime.now(dt.UTC)):
                raise SettingsError(f"{place}, which expired on {ends:%Y-%m-%d}: give a certificate that is valid")
            return Certificate(block, private_key)
    raise SettingsError(f"{place}, whose private key belongs to another certificate: give the two that belong together")


def _private_key(text: str, password: str, place: str) -> tuple[str, object]:
    """The key as unencrypted PEM text, and its public key."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    found = _KEY.search(text)
    if found is None:
        raise SettingsError(f"{place}, which holds no private key: give a PEM file with private key and certificate")
    locked = "ENCRYPTED" in found[0]
    if locked and not password:
        raise SettingsError(f"{place}, whose private key has a password: put it in the environment as {PASSWORD}")
    try:
        key = serialization.load_pem_private_key(found[0].encode(), password.encode() if locked else None)
    except ValueError:
        advice = f"{PASSWORD} does not open it" if locked else "it is damaged"
        raise SettingsError(f"{place}, whose private key cannot be read: {advice}") from None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"{place}, whose private key is not RSA: Entra ID takes RSA keys only")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return plain.decode(), key.public_key()
