"""Read-only checks of Power BI: TLS, clock, token, workspace, role, the use case's dataset."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from livegold.reporting.errors import LivegoldError, NotFound, SpecificationError, Unauthorized
from livegold.reporting.findings import FAILED, NOT_CHECKED, OK, WARNING, Finding, refused
from livegold.reporting.powerbi import (
    Dataset,
    PowerBIClient,
    Session,
    Tokens,
    claims_of,
    dataset_name,
    push_dataset,
    tokens_from_settings,
    values_of,
)
from livegold.reporting.settings import Settings
from livegold.reporting.specification import UseCase

AREA = "Power BI"
CLOCK = "clock"
# Entra ID and the API tolerate five minutes of clock skew; beyond it a token looks not yet valid or expired.
MAX_SKEW_SECONDS = 300.0
NOTABLE_SKEW_SECONDS = 30.0
# The roles that may write; the documentation of service principals asks for Member.
WRITING_ROLES = ("Admin", "Member", "Contributor")


class PowerBIChecks:
    """The checks in order; a failed one explains why later ones were skipped. `clock` gives seconds since the epoch."""

    def __init__(
        self, settings: Settings, case: UseCase | None, session: Session, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._case = case
        self._session = session
        self._clock = clock
        self._claims: dict[str, object] = {}

    def __call__(self) -> Iterator[Finding]:
        settings = self._settings
        if not settings["powerbi.tenant"] and not settings["powerbi.client_id"]:
            advice = "start `livegold powerbi` for the local one, or set powerbi.* (docs/settings.md)"
            yield Finding(AREA, "set up", NOT_CHECKED, "no tenant and no application are set", advice)
            return
        reachable = True
        for finding in (*self._endpoint("powerbi.authority"), *self._endpoint("powerbi.api")):
            reachable = reachable and (finding.check == CLOCK or finding.verdict != FAILED)
            yield finding
        if not reachable:
            yield Finding(AREA, "token", NOT_CHECKED, "the way there comes first")
            return
        try:
            tokens = tokens_from_settings(settings, self._session)
            token = tokens.token()
        except LivegoldError as error:
            yield refused(AREA, "token", error)
            return
        self._claims = claims_of(token)
        yield self._token(tokens)
        try:
            client = PowerBIClient.from_settings(settings, self._session)
            yield from self._workspace(client)
            datasets = client.datasets()
        except LivegoldError as error:
            yield refused(AREA, "workspace", error)
            return
        yield self._role(client, len(datasets))
        try:
            yield from self._dataset(client, datasets)
        except LivegoldError as error:
            yield refused(AREA, "dataset", error)

    # Reachability.

    def _endpoint(self, key: str) -> Iterator[Finding]:
        """Whether an address answers over TLS (with any status), and what its clock says."""
        address = self._settings[key]
        name = f"{key.removeprefix('powerbi.')} reachable"
        began = self._clock()
        try:
            answer = self._session.get(address, allow_redirects=False)
        except requests.exceptions.SSLError as error:
            yield Finding(AREA, name, FAILED, f"{address}: {certificate_problem(error)}", _certificate_advice(error))
            return
        except requests.RequestException as error:
            advice = f"check {key}, the name server, and the proxy (HTTPS_PROXY) of this machine"
            yield Finding(AREA, name, FAILED, f"{address}: no answer ({type(error).__name__})", advice)
            return
        ended = self._clock()
        yield Finding(AREA, name, OK, f"{address}, {'TLS' if urlsplit(address).scheme == 'https' else 'plain HTTP'}")
        if key == "powerbi.api":
            yield self._clock_of(answer, began, ended)

    def _clock_of(self, answer: requests.Response, began: float, ended: float) -> Finding:
        try:
            theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return Finding(AREA, CLOCK, NOT_CHECKED, "the service gave no Date")
        # The header is truncated to whole seconds and was written between the request and the response.
        late = max(0.0, began - theirs - 1.0, theirs - ended)
        if late >= NOTABLE_SKEW_SECONDS:
            verdict = FAILED if late >= MAX_SKEW_SECONDS else WARNING
            advice = "set this machine's clock (NTP): tokens are refused beyond five minutes"
            return Finding(AREA, CLOCK, verdict, f"{late:.0f} s away from the service's", advice)
        return Finding(AREA, CLOCK, OK, f"within {max(1.0, late + ended - began):.0f} s of the service's")

    # The caller.

    def _token(self, tokens: Tokens) -> Finding:
        kind = "service principal" if tokens.service_principal else "user"
        expires = self._claims.get("exp")
        minutes = f", valid for {(expires - self._clock()) / 60:.0f} min" if isinstance(expires, int | float) else ""
        return Finding(AREA, "token", OK, f"obtained for a {kind}{minutes}")

    def _workspace(self, client: PowerBIClient) -> Iterator[Finding]:
        if client.workspace is None:
            yield Finding(AREA, "workspace", OK, "My workspace of the user who signed in")
            return
        groups = client.groups()
        found = [g for g in groups if g.id.lower() == str(client.workspace).lower()]
        if not found:
            raise NotFound(
                f"{client.workspace} is not among the {len(groups)} workspaces visible to the caller: "
                "check powerbi.workspace, add the caller to it as Member, and allow service principals in the tenant"
            )
        capacity = {True: ", dedicated capacity", False: ", shared capacity", None: ""}[found[0].dedicated]
        yield Finding(AREA, "workspace", OK, f"{found[0].name!r}{capacity}")

    def _role(self, client: PowerBIClient, datasets: int) -> Finding:
        """The caller's role as far as it can be determined: only some callers may list a workspace's members."""
        seen = f"lists its {datasets} dataset{'' if datasets == 1 else 's'}"
        if client.workspace is None:
            return Finding(AREA, "role", OK, f"owner; {seen}")
        named = ("oid", "appid", "azp", "upn", "unique_name")
        mine = {str(self._claims[key]).lower() for key in named if self._claims.get(key)}
        doing = "listing the members of the workspace"
        try:
            # The address of a dataset, without the dataset, is that of the workspace.
            root = client.at("").rstrip("/").removesuffix("/datasets")
            members = values_of(client.call("GET", f"{root}/users", doing), doing)
        except (NotFound, Unauthorized) as error:
            said = f"HTTP {error.status}" if error.status else "refused"
            advice = "whether it may write shows in the first run, or with --probe"
            return Finding(AREA, "role", NOT_CHECKED, f"{seen}; members are not told ({said})", advice)
        except LivegoldError as error:
            return Finding(AREA, "role", NOT_CHECKED, f"{seen}; {error}", "whether it may write shows in the first run")
        rights = [str(m.get("groupUserAccessRight", "")) for m in members if _is_one_of(m, mine)]
        if not rights:
            return Finding(AREA, "role", NOT_CHECKED, f"{seen}; a member through a group", "see the role of that group")
        if rights[0] in WRITING_ROLES:
            return Finding(AREA, "role", OK, f"{rights[0]}; {seen}")
        return Finding(AREA, "role", FAILED, f"{rights[0]}: may not write", "make the caller Member of the workspace")

    # The dataset.

    def _dataset(self, client: PowerBIClient, datasets: list[Dataset]) -> Iterator[Finding]:
        case = self._case
        if case is None:
            yield Finding(AREA, "dataset", NOT_CHECKED, "no use case was named", "give one: `livegold doctor USECASE`")
            return
        name = self._settings["powerbi.dataset"] or dataset_name(case)
        try:
            definition = push_dataset(case, name)
        except SpecificationError as error:
            yield refused(AREA, "dataset", error)
            return
        twins = [d for d in datasets if d.name == name]
        if not twins:
            yield Finding(AREA, "dataset", OK, f"{name!r} is not there yet: the first run makes it")
            return
        if len(twins) > 1:
            advice = "delete or rename all but one"
            yield Finding(AREA, "dataset", FAILED, f"there are {len(twins)} named {name!r}", advice)
            return
        found = twins[0]
        if found.push is False:
            advice = "rename it, or set powerbi.dataset to another name"
            yield Finding(AREA, "dataset", FAILED, f"{name!r} takes no rows: it is no push dataset", advice)
            return
        there = set(client.tables(found.id))
        missing = [t["name"] for t in definition["tables"] if t["name"] not in there]
        if missing:
            advice = f"no call adds one: set powerbi.dataset to another name, or `livegold backfill {case.name} --drop`"
            yield Finding(AREA, "dataset", FAILED, f"{name!r} has no table {missing[0]!r}", advice)
            return
        yield Finding(AREA, "dataset", OK, f"{name!r}, push, its {len(there)} tables are there")
        yield self._numbers(client, found.id, definition["tables"][0]["name"])

    def _numbers(self, client: PowerBIClient, dataset: str, table: str) -> Finding:
        try:
            client.sequence_numbers(dataset, table)
        except NotFound:
            advice = "a request in doubt may be stored twice; `livegold reconcile` finds it"
            return Finding(AREA, "sequence numbers", WARNING, "not offered: delivery is at least once", advice)
        return Finding(AREA, "sequence numbers", OK, "offered: delivery is once in effect")


def certificate_problem(error: Exception) -> str:
    """Why OpenSSL rejects a certificate, in its own words."""
    text = str(error)
    for mark in ("certificate verify failed: ", "CERTIFICATE_VERIFY_FAILED] "):
        if mark in text:
            said = text.split(mark, 1)[1].split("(_ssl", 1)[0]
            return f"the certificate is not accepted: {said.strip(' ()')}"
    return "TLS failed: " + " ".join(text.split("(_ssl", 1)[0].rsplit("(", 1)[-1].split())[:150]


def _certificate_advice(error: Exception) -> str:
    text = str(error)
    if "expired" in text or "not yet valid" in text:
        return (
            f"compare this machine's clock ({dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC) with the certificate's dates"
        )
    if "mismatch" in text or "doesn't match" in text or "not valid for" in text:
        return "the address is another's: check it for a typing error, and the proxy (HTTPS_PROXY)"
    return "give the authority that signed it (a proxy's, or the local service's) as powerbi.ca"


def _is_one_of(member: dict[str, object], mine: set[str]) -> bool:
    return any(str(member.get(key, "")).lower() in mine for key in ("identifier", "graphId", "emailAddress") if mine)
