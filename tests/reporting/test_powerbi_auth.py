"""The three logins through real msal and real TLS, and what each says when something is missing or refused."""

from __future__ import annotations

import datetime as dt
import json
import logging
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from canned_server import CannedServer
from livegold.reporting.errors import ServiceUnavailable, SettingsError, Unauthorized
from livegold.reporting.powerbi.auth import CertificateTokens, DeviceCodeTokens, GivenTokens, TokenProvider
from livegold.reporting.powerbi.certificate import read_certificate
from livegold.reporting.powerbi.client import PowerBIClient
from livegold.reporting.powerbi.http import Session
from livegold.reporting.powerbi.login import chosen_login, tokens_from_settings
from livegold.reporting.powerbi.token_cache import TokenCacheFile
from livegold.reporting.service.server import LocalService
from livegold.reporting.service.tokens import REFRESH_LIFE_SECONDS
from livegold.reporting.settings import settings as all_settings
from livegold.reporting.settings.settings import Settings
from powerbi_cases import Time, set_fault

pytestmark = pytest.mark.integration
PASSWORD = "key-pass-word"
NOW = dt.datetime.now(dt.UTC)


def key_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: str = "") -> str:
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        lock = serialization.BestAvailableEncryption(password.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()


def certificate_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, days: int = 30) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "livegold test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - dt.timedelta(days=400))
    made = builder.not_valid_after(NOW + dt.timedelta(days=days)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


@pytest.fixture(scope="module")
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    """Settings out of an environment (LIVEGOLD_POWERBI_ left out) and of keys, with a home of their own."""

    def made(environment: dict[str, str], **keys: str) -> Settings:
        given = {f"LIVEGOLD_POWERBI_{name}": value for name, value in environment.items()}
        return all_settings.load(given, tmp_path / "none.toml", home=str(tmp_path / "state"), **keys)

    return made


@pytest.fixture
def registered(service: LocalService, key: rsa.RSAPrivateKey, tmp_path: Path) -> Path:
    """A PEM file with a locked key, whose certificate the service knows."""
    certificate = certificate_pem(key)
    (service.home / "powerbi" / "client-certificate.pem").write_text(certificate)
    file = tmp_path / "login.pem"
    file.write_text(key_pem(key, PASSWORD) + certificate)
    return file


# Which login.


@pytest.mark.parametrize(
    ("environment", "login"),
    [
        ({"CLIENT_SECRET": "s"}, "secret"),
        ({"CERTIFICATE": "c.pem"}, "certificate"),
        ({"CLIENT_SECRET": "s", "CERTIFICATE": "c.pem", "LOGIN": "certificate"}, "certificate"),
        ({"CLIENT_SECRET": "s", "LOGIN": "device_code"}, "device_code"),
        ({"LOGIN": "device_code"}, "device_code"),
    ],
)
def test_the_login_is_the_one_that_is_asked_for_or_else_the_one_that_is_set(
    settings_of: Callable[..., Settings], environment: dict[str, str], login: str
) -> None:
    assert chosen_login(settings_of(environment)) == login


AT = {"TENANT": "t", "CLIENT_ID": "c"}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, r"powerbi\.tenant is empty"),
        ({"TENANT": "t"}, r"powerbi\.client_id is empty"),
        (AT, "LIVEGOLD_POWERBI_CLIENT_SECRET.*powerbi.certificate.*powerbi.login = device_code"),
        ({**AT, "CLIENT_SECRET": "s", "CERTIFICATE": "c.pem"}, "powerbi.login = secret or certificate"),
        ({**AT, "LOGIN": "secret"}, "LIVEGOLD_POWERBI_CLIENT_SECRET"),
        ({**AT, "LOGIN": "certificate"}, r"powerbi\.certificate is empty"),
        ({**AT, "LOGIN": "certificate", "CERTIFICATE": "no-such.pem"}, "no-such.pem, which cannot be read"),
        ({**AT, "LOGIN": "password"}, "'secret', 'certificate' or 'device_code'"),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(
    settings_of: Callable[..., Settings], environment: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        tokens_from_settings(settings_of(environment), Session())


# My workspace.


def test_my_workspace_is_refused_for_a_service_principal_before_any_call(
    settings_of: Callable[..., Settings],
) -> None:
    wanted = r"powerbi\.workspace is empty: a service principal has no My workspace.*device_code"
    with pytest.raises(SettingsError, match=wanted):
        PowerBIClient.from_settings(settings_of({**AT, "CLIENT_SECRET": "s"}, powerbi__api="http://nowhere.invalid"))
    with pytest.raises(SettingsError, match="a service principal has no My workspace"):
        PowerBIClient("http://nowhere.invalid", None, GivenTokens(lambda: "t", service_principal=True), Session())


def test_my_workspace_is_where_a_users_calls_go(settings_of: Callable[..., Settings]) -> None:
    with CannedServer() as canned:
        canned.reply(200, {"value": []})
        client = PowerBIClient(canned.url, None, GivenTokens(lambda: "t"), Session())
        client.datasets()
        client.groups()
        assert [g.path for g in canned.got] == ["/v1.0/myorg/datasets", "/v1.0/myorg/groups"]
        assert client.dedicated() is None
        client.close()
    made = PowerBIClient.from_settings(settings_of({**AT, "LOGIN": "device_code"}))
    assert (made.workspace, made.service_principal) == (None, False)


def test_a_token_that_somebody_else_got_works_over_plain_http_too(tmp_path: Path) -> None:
    token = "a-fixed-token-of-the-local-service"
    with LocalService(tmp_path / "plain", http=True, open_token=token) as plain:
        at = plain.endpoint
        client = PowerBIClient(at.api, at.workspace, GivenTokens(lambda: token), Session())
        assert [g.id for g in client.groups()] == [at.workspace]
        stranger = PowerBIClient(at.api, at.workspace, GivenTokens(lambda: token + "x"), Session())
        with pytest.raises(Unauthorized, match="HTTP 401"):
            stranger.groups()


# Secret.


def test_a_wrong_secret_is_unauthorized_with_the_code_and_without_the_secret(service: LocalService) -> None:
    at = service.endpoint
    tokens = TokenProvider(at.authority, at.tenant, at.client_id, "not-the-secret", Session(at.ca))
    with pytest.raises(Unauthorized, match="AADSTS7000215") as caught:
        tokens.token()
    assert "not-the-secret" not in str(caught.value) + repr(tokens)


def test_a_wrong_tenant_is_unauthorized(service: LocalService) -> None:
    at = service.endpoint
    with pytest.raises(Unauthorized, match=r"check powerbi\.\w+"):
        TokenProvider(at.authority, "no-such-tenant", at.client_id, service.secret, Session(at.ca)).token()


@pytest.mark.parametrize("fault", [{"status": 503, "empty": True}, {"status": 500}, {"cut": "before"}])
def test_an_entra_id_that_is_down_may_be_asked_again(service: LocalService, fault: dict[str, object]) -> None:
    at = service.endpoint
    tokens = TokenProvider(at.authority, at.tenant, at.client_id, service.secret, Session(at.ca))
    set_fault(service, method="", path="/oauth2", **fault)
    with pytest.raises(ServiceUnavailable, match="no answer"):
        tokens.token()
    set_fault(service, method="", path="openid-configuration", **fault)
    fresh = TokenProvider(at.authority, at.tenant, at.client_id, service.secret, Session(at.ca))
    with pytest.raises(ServiceUnavailable, match="no answer"):
        fresh.token()
    assert fresh.token()


def test_an_authority_that_is_no_entra_id_says_so() -> None:
    for body in (b"<html>", b"{}", b"[]"):
        with CannedServer() as canned:
            canned.reply(200, body)
            with pytest.raises(Unauthorized, match=r"check powerbi\.authority"):
                TokenProvider(canned.url, "t", "c", "s", Session()).token()


# Certificate.


def test_a_certificate_with_a_password_signs_in(
    service: LocalService, registered: Path, settings_of: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {"CERTIFICATE": str(registered), "CERTIFICATE_PASSWORD": PASSWORD}
    client = PowerBIClient.from_settings(settings_of(environment, **service.endpoint.settings()))
    assert client.service_principal
    assert [g.id for g in client.groups()] == [service.endpoint.workspace]
    Session(service.endpoint.ca).post(f"{service.endpoint.api}/_local/tokens/expire")
    assert client.datasets() == []
    assert PASSWORD not in caplog.text
    assert "PRIVATE KEY" not in caplog.text
    client.close()


def test_a_certificate_that_entra_id_does_not_know_is_unauthorized(
    service: LocalService, registered: Path, other_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    unknown = tmp_path / "unknown.pem"
    unknown.write_text(certificate_pem(other_key) + key_pem(other_key))
    at = service.endpoint
    tokens = CertificateTokens(at.authority, at.tenant, at.client_id, read_certificate(unknown), Session(at.ca))
    with pytest.raises(Unauthorized, match="AADSTS.*check .*that the application knows this certificate"):
        tokens.token()


def test_the_certificate_that_belongs_to_the_key_is_found_among_others(
    key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    mine = certificate_pem(key)
    file = tmp_path / "chain.pem"
    old_form = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    file.write_text("Bag Attributes\n" + certificate_pem(other_key) + mine + old_form.decode())
    found = read_certificate(file)
    assert found.certificate.strip() == mine.strip()
    assert "PRIVATE" not in repr(found)


def test_a_file_that_cannot_sign_in_says_what_is_wrong_with_it(
    key: rsa.RSAPrivateKey, other_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    good = certificate_pem(key)
    damaged = good.replace("\nMII", "\nXXX")
    cases = {
        "which holds no private key": good,
        "which holds no certificate": key_pem(key),
        "LIVEGOLD_POWERBI_CERTIFICATE_PASSWORD": key_pem(key, "another") + good,
        "which expired on": key_pem(key) + certificate_pem(key, -1),
        "belongs to another certificate": key_pem(key) + certificate_pem(other_key),
        "is not RSA": key_pem(curve) + certificate_pem(curve),
        "a damaged certificate": key_pem(key) + damaged,
        "it is no PEM file": "ü",
    }
    file = tmp_path / "bad.pem"
    for message, text in cases.items():
        file.write_text(text)
        with pytest.raises(SettingsError, match=message):
            read_certificate(file)
    file.write_text(cases["LIVEGOLD_POWERBI_CERTIFICATE_PASSWORD"])
    with pytest.raises(SettingsError, match="CERTIFICATE_PASSWORD does not open it") as caught:
        read_certificate(file, PASSWORD)
    assert PASSWORD not in str(caught.value)


# Device code.


@pytest.fixture
def user(service: LocalService, settings_of: Callable[..., Settings]) -> Callable[[list[str]], DeviceCodeTokens]:
    at = service.endpoint
    home = settings_of({}).home

    def made(shown: list[str]) -> DeviceCodeTokens:
        cache = TokenCacheFile(home)
        return DeviceCodeTokens(at.authority, at.tenant, at.client_id, cache, Session(at.ca), shown.append)

    return made


def test_a_user_signs_in_once_and_the_next_process_needs_no_login(
    service: LocalService, user: Callable[[list[str]], DeviceCodeTokens], settings_of: Callable[..., Settings]
) -> None:
    shown: list[str] = []
    client = PowerBIClient(service.endpoint.api, None, user(shown), Session(service.endpoint.ca))
    made = client.create_dataset(
        {"name": "Mine", "tables": [{"name": "T", "columns": [{"name": "n", "dataType": "Int64"}]}]}
    )
    (message,) = shown
    assert "http" in message
    file = settings_of({}).home / "powerbi-token-cache.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    shown.clear()
    again = PowerBIClient(service.endpoint.api, None, user(shown), Session(service.endpoint.ca))
    assert [d.id for d in again.datasets()] == [made.id]
    assert shown == []


def test_an_expired_token_of_a_user_is_renewed_without_a_login(
    service: LocalService, user: Callable[[list[str]], DeviceCodeTokens]
) -> None:
    shown: list[str] = []
    tokens = user(shown)
    client = PowerBIClient(service.endpoint.api, None, tokens, Session(service.endpoint.ca))
    assert client.datasets() == []
    old = tokens.token()
    Session(service.endpoint.ca).post(f"{service.endpoint.api}/_local/tokens/expire")
    assert client.datasets() == []
    assert tokens.token() != old
    assert len(shown) == 1


def test_a_login_that_ends_in_mid_run_is_an_error_and_not_a_question_to_nobody(
    user: Callable[[list[str]], DeviceCodeTokens], time: Time
) -> None:
    shown: list[str] = []
    tokens = user(shown)
    tokens.token()
    time.now += REFRESH_LIFE_SECONDS
    for _ in range(2):
        with pytest.raises(Unauthorized, match="sign in again"):
            tokens.token(renew=True)
    assert len(shown) == 1


def test_a_damaged_cache_is_no_login_and_one_that_others_could_read_is_closed(
    service: LocalService,
    user: Callable[[list[str]], DeviceCodeTokens],
    settings_of: Callable[..., Settings],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = settings_of({}).home / "powerbi-token-cache.json"
    file.parent.mkdir()
    file.write_text("{ damaged")
    file.chmod(0o644)
    shown: list[str] = []
    assert user(shown).token()
    assert len(shown) == 1
    assert "holds no login" in caplog.text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["RefreshToken"]


def test_neither_tokens_nor_the_device_code_are_logged(
    service: LocalService,
    user: Callable[[list[str]], DeviceCodeTokens],
    settings_of: Callable[..., Settings],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = user([])
    token = tokens.token()
    kept = json.loads((settings_of({}).home / "powerbi-token-cache.json").read_text())
    secrets = [token, *(entry["secret"] for entry in kept["RefreshToken"].values())]
    for secret in secrets:
        assert secret not in caplog.text + repr(tokens)


def test_a_login_that_is_declined_or_refused_is_one_line(
    service: LocalService, user: Callable[[list[str]], DeviceCodeTokens], tmp_path: Path
) -> None:
    at = service.endpoint
    set_fault(service, path="devicecode", status=400, code="unauthorized_client")
    with pytest.raises(Unauthorized, match="public client flows") as caught:
        user([]).token()
    assert "\n" not in str(caught.value)
    set_fault(service, path="oauth2/v2.0/token", status=503, empty=True)
    with pytest.raises(ServiceUnavailable, match="503"):
        user([]).token()
    cache = TokenCacheFile(tmp_path / "another home")
    wrong = DeviceCodeTokens(at.authority, at.tenant, "no-such-app", cache, Session(at.ca), lambda message: None)
    with pytest.raises(Unauthorized, match="AADSTS700016"):
        wrong.token()


def test_a_home_that_cannot_be_written_is_named(service: LocalService, tmp_path: Path) -> None:
    at = service.endpoint
    (tmp_path / "file").write_text("")
    cache = TokenCacheFile(tmp_path / "file" / "home")
    tokens = DeviceCodeTokens(at.authority, at.tenant, at.client_id, cache, Session(at.ca), lambda message: None)
    with pytest.raises(SettingsError, match=r"powerbi-token-cache\.json"):
        tokens.token()


def test_threads_share_one_login(service: LocalService, user: Callable[[list[str]], DeviceCodeTokens]) -> None:
    shown: list[str] = []
    tokens = user(shown)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(tokens.token())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), len(shown)) == (4, 1, 1)
