"""Client assertions: a client proves its identity with a certificate instead of a secret. Not the service's own tokens.

The certificate is `<home>/powerbi/client-certificate.pem`; put one there to register it with the local service, just as
one is uploaded to an application in Entra ID. It is re-read at each use.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from livegold.reporting.home import LOCAL_CLIENT
from livegold.reporting.service.tokens import decoded

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CERTIFICATE = "client-certificate.pem"
CLOCK_SKEW_SECONDS = 300
_PADDINGS: dict[str, padding.AsymmetricPadding] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size),
}


class BadAssertion(Exception):
    """An invalid assertion; the text says why, without revealing any of it."""


def check_assertion(assertion: str, file: Path, token_endpoints: tuple[str, ...]) -> None:
    """Raises BadAssertion unless the holder of the certificate in `file` signed it for one of our token endpoints.

    Its times are checked against the real clock, since they come from the client, whatever clock the service is given.
    """
    head, claims, signed, signature = _parts(assertion)
    certificate = _certificate(file)
    _same_certificate(head, certificate)
    how = _PADDINGS.get(str(head.get("alg")))
    key = certificate.public_key()
    if how is None or not isinstance(key, rsa.RSAPublicKey):
        raise BadAssertion("its algorithm is not RS256 or PS256 with an RSA certificate")
    try:
        key.verify(signature, signed, how, hashes.SHA256())
    except InvalidSignature:
        raise BadAssertion("its signature does not fit the registered certificate") from None
    if claims.get("iss") != LOCAL_CLIENT or claims.get("sub") != LOCAL_CLIENT:
        raise BadAssertion("its issuer and subject are not the client")
    if str(claims.get("aud", "")).rstrip("/") not in token_endpoints:
        raise BadAssertion("its audience is not the token endpoint")
    now = time.time()
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise BadAssertion("it has no time of expiry")
    if not begins - CLOCK_SKEW_SECONDS <= now < expires + CLOCK_SKEW_SECONDS:
        raise BadAssertion("it is not within its valid time range")


def _parts(assertion: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    parts = assertion.split(".")
    if len(parts) != 3:
        raise BadAssertion("it is no JSON web token")
    try:
        head, claims = json.loads(decoded(parts[0])), json.loads(decoded(parts[1]))
        signature = decoded(parts[2])
    except (ValueError, RecursionError):
        raise BadAssertion("it is no JSON web token") from None
    if not isinstance(head, dict) or not isinstance(claims, dict):
        raise BadAssertion("it is no JSON web token")
    return head, claims, f"{parts[0]}.{parts[1]}".encode("utf-8", "replace"), signature


def _certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except FileNotFoundError:
        raise BadAssertion(f"no certificate is registered: put its PEM at {file}") from None
    except ValueError:
        raise BadAssertion(f"{file} holds no PEM certificate") from None


def _same_certificate(head: dict[str, Any], certificate: x509.Certificate) -> None:
    """Checks the thumbprint in the header, SHA-1 or SHA-256, against the certificate."""
    for key, algorithm in (("x5t#S256", hashes.SHA256()), ("x5t", hashes.SHA1())):
        if key in head:
            try:
                given = decoded(str(head[key]))
            except ValueError:
                given = b""
            if given != certificate.fingerprint(algorithm):
                raise BadAssertion("its thumbprint is not that of the registered certificate")
            return
    raise BadAssertion("its header has no thumbprint (x5t or x5t#S256)")
