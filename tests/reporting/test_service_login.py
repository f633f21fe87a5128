"""The local service's token endpoint and principals: what msal and others get, and what is refused in which words."""

from __future__ import annotations

import datetime as dt
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from livegold.reporting.errors import WrongUse
from livegold.reporting.home.endpoint import read_endpoint
from livegold.reporting.powerbi.http import Session
from livegold.reporting.service.assertions import CERTIFICATE
from livegold.reporting.service.server import LocalService
from powerbi_cases import Time, patient
from service_cases import SCOPE, Api, code_of

OPEN_TOKEN = "not-a-secret-but-long-enough"


def certificate() -> tuple[str, str]:
    """(private key, certificate), both PEM, as somebody would make them for an application."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a client")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), made.public_bytes(serialization.Encoding.PEM).decode()


def confidential(service: LocalService, credential: Any) -> Any:
    at = service.endpoint
    return msal.ConfidentialClientApplication(
        at.client_id,
        authority=f"{at.authority}/{at.tenant}",
        client_credential=credential,
        instance_discovery=False,
        http_client=Session(at.ca),
    )


def public(service: LocalService, tenant: str = "") -> Any:
    at = service.endpoint
    return msal.PublicClientApplication(
        at.client_id,
        authority=f"{at.authority}/{tenant or at.tenant}",
        instance_discovery=False,
        http_client=Session(at.ca),
    )


def form(service: LocalService, path: str, **fields: str) -> Any:
    at = service.endpoint
    sent = {"client_id": at.client_id, **fields}
    return Session(at.ca).post(f"{at.authority}/{at.tenant}{path}", data=sent)


def test_v1_answers_numbers_as_texts_and_names_the_resource(service: LocalService) -> None:
    resource = "https://analysis.windows.net/powerbi/api"
    fields = {"grant_type": "client_credentials", "client_secret": service.secret, "resource": resource}
    answer = form(service, "/oauth2/token/", **fields)
    found = answer.json()
    assert (answer.status_code, found["expires_in"], found["resource"]) == (200, "3599", resource)
    assert len(found["access_token"]) > 1_000


def test_the_configuration_names_endpoints_that_answer(service: LocalService) -> None:
    at = service.endpoint
    for version in ("", "/v2.0"):
        found = Session(at.ca).get(f"{at.authority}/{at.tenant}{version}/.well-known/openid-configuration").json()
        for endpoint in ("token_endpoint", "device_authorization_endpoint"):
            assert Session(at.ca).post(found[endpoint], data={}).json()["error"] == "unauthorized_client"
        assert Session(at.ca).get(found["jwks_uri"]).json() == {"keys": []}


@pytest.mark.parametrize(
    ("changed", "status", "error", "code"),
    [
        ({"client_id": "somebody"}, 400, "unauthorized_client", 700016),
        ({"client_secret": ""}, 401, "invalid_client", 7000215),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, "invalid_scope", 70011),
        ({"grant_type": "refresh_token", "refresh_token": "x.y.z"}, 400, "invalid_grant", 9002313),
        ({"grant_type": "device_code", "device_code": "x"}, 400, "bad_verification_code", 70019),
    ],
)
def test_refusals_are_in_entra_ids_words(
    service: LocalService, changed: dict[str, str], status: int, error: str, code: int
) -> None:
    good = {"grant_type": "client_credentials", "client_secret": service.secret, "scope": SCOPE}
    answer = form(service, "/oauth2/v2.0/token", **{**good, **changed})
    found = answer.json()
    assert (answer.status_code, found["error"], found["error_codes"]) == (status, error, [code])
    assert service.secret not in answer.text


@pytest.mark.parametrize("key", ["thumbprint", "public_certificate"])
def test_msal_signs_in_with_a_certificate_that_was_put_in_its_place(service: LocalService, key: str) -> None:
    private, public_part = certificate()
    (service.home / "powerbi" / CERTIFICATE).write_text(public_part)
    credential = {"private_key": private, "public_certificate": public_part}
    if key == "thumbprint":  # SHA-1 and RS256, as older msal has it
        made = x509.load_pem_x509_certificate(public_part.encode())
        credential = {"private_key": private, "thumbprint": made.fingerprint(hashes.SHA1()).hex()}
    assert "access_token" in confidential(service, credential).acquire_token_for_client([SCOPE])


def test_a_certificate_that_is_not_registered_is_refused_with_the_reason(service: LocalService) -> None:
    private, public_part = certificate()
    credential = {"private_key": private, "public_certificate": public_part}
    answer = confidential(service, credential).acquire_token_for_client([SCOPE])
    assert answer["error"] == "invalid_client"
    assert CERTIFICATE in answer["error_description"]
    (service.home / "powerbi" / CERTIFICATE).write_text(certificate()[1])
    answer = confidential(service, credential).acquire_token_for_client([SCOPE])
    assert "thumbprint" in answer["error_description"]


def test_msal_signs_a_user_in_by_device_code_without_anybody_approving(service: LocalService) -> None:
    application = public(service)
    flow = application.initiate_device_flow([SCOPE])
    assert flow["user_code"] in flow["message"]
    answer = application.acquire_token_by_device_flow(flow)
    assert answer["id_token_claims"]["preferred_username"].endswith("@livegold.example")
    (account,) = application.get_accounts()
    renewed = application.acquire_token_silent_with_error([SCOPE], account, force_refresh=True)
    assert renewed["access_token"] != answer["access_token"]
    assert renewed["token_source"] == "identity_provider"


def test_a_user_may_come_through_organizations_but_an_application_needs_its_tenant(service: LocalService) -> None:
    assert "device_code" in public(service, "organizations").initiate_device_flow([SCOPE])
    answer = Session(service.endpoint.ca).post(
        f"{service.endpoint.authority}/organizations/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "client_id": service.endpoint.client_id},
    )
    assert answer.json()["error_codes"] == [90002]


def test_a_device_code_is_pending_then_approved_then_used_up(service: LocalService, time: Time) -> None:
    def ask(code: str) -> dict[str, Any]:
        found: dict[str, Any] = form(
            service, "/oauth2/v2.0/token", grant_type="device_code", device_code=code, scope=SCOPE
        ).json()
        return found

    code = form(service, "/oauth2/v2.0/devicecode", scope=SCOPE).json()["device_code"]
    assert ask(code)["error"] == "authorization_pending"
    assert "access_token" in ask(code)
    assert ask(code)["error"] == "bad_verification_code"
    old = form(service, "/oauth2/v2.0/devicecode", scope=SCOPE).json()["device_code"]
    time.now += 901
    assert ask(old)["error"] == "expired_token"


def test_a_device_code_can_be_denied_on_the_page(service: LocalService, api: Api) -> None:
    flow = public(service).initiate_device_flow([SCOPE])
    page = Session(service.endpoint.ca).get(flow["verification_uri"])
    assert (page.status_code, "<form" in page.text) == (200, True)
    assert api.local("POST", "/devicecode/deny", data={"user_code": flow["user_code"]}).status_code == 200
    assert public(service).acquire_token_by_device_flow(flow)["error"] == "authorization_declined"
    assert code_of(api.local("POST", "/devicecode/approve?user_code=NOBODY")) == (404, "NotFound")


def test_a_service_principal_has_no_my_workspace_and_a_user_has_both(api: Api) -> None:
    answer = api.mine("GET", "/datasets")
    assert code_of(answer) == (403, "Forbidden")
    assert answer.json()["Message"] == "API is not accessible for application"
    assert api.mine("GET", "/groups").status_code == 200
    api.sign_in(user=True)
    assert api.mine("GET", "/datasets").json()["value"] == []
    assert api("GET", "/datasets").json()["value"] == []


def test_the_workspaces_do_not_share_datasets(api: Api) -> None:
    dataset = api.made()
    api.sign_in(user=True)
    assert code_of(api.mine("GET", f"/datasets/{dataset}")) == (404, "PowerBIEntityNotFound")


def test_a_refresh_token_and_an_id_token_are_no_access_tokens(service: LocalService, api: Api) -> None:
    api.sign_in(user=True)
    for other in ("refresh_token", "id_token"):
        api.session.headers["Authorization"] = f"Bearer {api.token[other]}"
        assert code_of(api("GET", "/datasets")) == (401, "PowerBINotAuthorizedException")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer a.b.c", "Basic eDp5", "Bearer ..", "Bearer \xe9.\xe9.\xe9"])
def test_what_is_no_token_is_401(api: Api, header: str) -> None:
    api.session.headers["Authorization"] = header.encode("latin-1")  # type: ignore[assignment]
    assert api("GET", "/datasets").status_code == 401


def test_an_open_token_over_plain_http_is_the_user_and_needs_no_sign_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with LocalService(tmp_path, http=True, open_token=OPEN_TOKEN) as service:
        at = service.endpoint
        assert (at.api.split(":")[0], at.ca) == ("http", "")
        session = Session()
        session.headers["Authorization"] = f"Bearer {OPEN_TOKEN}"
        for root in (at.api + "/v1.0/myorg", f"{at.api}/v1.0/myorg/groups/{at.workspace}"):
            assert session.get(f"{root}/datasets").json()["value"] == []
        session.post(f"{at.api}/_local/tokens/expire")
        assert session.get(f"{at.api}/v1.0/myorg/groups").status_code == 200
        session.headers["Authorization"] = f"Bearer {OPEN_TOKEN}x"
        assert session.get(f"{at.api}/v1.0/myorg/groups").status_code == 401
    assert OPEN_TOKEN not in caplog.text
    assert OPEN_TOKEN not in (tmp_path / "powerbi" / "token_key").read_text()


def test_a_short_open_token_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="16") as refused, LocalService(tmp_path, open_token="tooshort"):
        pass
    assert "tooshort" not in str(refused.value)


def test_the_command_line_serves_plain_http_and_never_prints_the_open_token(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "livegold", "powerbi", "--port", "0", "--http", "--dedicated"]
    environment = {**os.environ, "LIVEGOLD_HOME": str(tmp_path)}
    running = subprocess.Popen(
        [*command, "--open-token", OPEN_TOKEN],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        patient(lambda: (tmp_path / "powerbi" / "endpoint.json").exists(), 400)
        at = read_endpoint(tmp_path)
        answer = Session().get(f"{at.api}/v1.0/myorg/groups", headers={"Authorization": f"Bearer {OPEN_TOKEN}"})
        assert answer.json()["value"][0]["isOnDedicatedCapacity"] is True
        running.send_signal(signal.SIGTERM)
        printed = running.communicate(timeout=20)[0]
    finally:
        running.kill()
    assert running.returncode == 0
    assert "plain HTTP" in printed
    assert OPEN_TOKEN not in printed
    for file in (tmp_path / "powerbi").iterdir():
        assert OPEN_TOKEN.encode() not in file.read_bytes(), file
