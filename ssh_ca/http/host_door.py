"""The routes that hosts use for themselves: no token, but a signature by a host key over our challenge."""

from datetime import timedelta
from typing import Any

from litestar import Response, post
from litestar.params import FromPath

from ca_service.web.door import PUBLIC, answer, client_address, decode, perform_as, reads, throttle
from ssh_ca.host_callers import HostAuthenticator
from ssh_ca.host_proofs import LIFETIME
from ssh_ca.http.host_bodies import (
    ChallengeBody,
    CredentialsBody,
    EnrolBody,
    LoginsBody,
    ProofBody,
    credentials_body,
    logins_body,
    parse_enrolment,
    parse_proof,
)
from ssh_ca.http.place import BASE, AnyRequest
from ssh_ca.operations.hosts import EnrolSshHost, ReadHostLogins, RenewSshHost

_RENEW, _LOGINS = "renew", "logins"
_NO_STORE = {"cache-control": "no-store"}


def host_routes(hosts: HostAuthenticator) -> list[Any]:
    """Return the routes that take a host's own proof."""

    @post(f"{BASE}/hosts/challenge", opt=PUBLIC, status_code=200)
    async def challenge_host(request: AnyRequest, project: FromPath[str]) -> Response[ChallengeBody]:
        """Answer what a host signs to prove itself; nothing is kept of it."""
        del project
        throttle(request, "login")
        body = ChallengeBody(challenge=hosts.challenge(), expires_in=LIFETIME // timedelta(seconds=1))
        return answer(None, body, headers=_NO_STORE)

    @post(f"{BASE}/hosts/enrol", opt=reads(EnrolBody, public=True))
    async def enrol_ssh_host(request: AnyRequest, project: FromPath[str]) -> Response[CredentialsBody]:
        """Take a host into the inventory and certify its keys."""
        throttle(request, "login")
        asked = parse_enrolment(await decode(request, EnrolBody))
        proven = await hosts.newcomer(project, asked, client_address(request))
        operation = EnrolSshHost(
            project=project,
            names=proven.names,
            public_keys=proven.public_keys,
            proved_at=proven.proved_at,
            token=proven.token,
            certificate=proven.certificate,
        )
        outcome = await perform_as(request, proven.caller, operation)
        location = f"/v1/projects/{project}/ssh/hosts/{outcome.answer.host.id}"
        body = credentials_body(outcome.answer)
        return answer(outcome, body, status=201, headers={"location": location, **_NO_STORE})

    @post(f"{BASE}/hosts/{{host:str}}/renew", opt=reads(ProofBody, public=True), status_code=200)
    async def renew_ssh_host(
        request: AnyRequest, project: FromPath[str], host: FromPath[str]
    ) -> Response[CredentialsBody]:
        """Certify the keys of a host again."""
        throttle(request, "login")
        asked = parse_proof(await decode(request, ProofBody))
        proven = await hosts.of_host(_RENEW, project, host, asked, client_address(request))
        operation = RenewSshHost(project=project, host=host, proved_at=proven.proved_at)
        outcome = await perform_as(request, proven.caller, operation)
        return answer(outcome, credentials_body(outcome.answer), headers=_NO_STORE)

    @post(f"{BASE}/hosts/{{host:str}}/logins", opt=reads(ProofBody, public=True), status_code=200)
    async def read_own_logins(
        request: AnyRequest, project: FromPath[str], host: FromPath[str]
    ) -> Response[LoginsBody]:
        """Tell a host who may log in to which of its accounts."""
        throttle(request, "login")
        asked = parse_proof(await decode(request, ProofBody))
        proven = await hosts.of_host(_LOGINS, project, host, asked, client_address(request))
        outcome = await perform_as(request, proven.caller, ReadHostLogins(project=project, host=host))
        return answer(outcome, logins_body(outcome.answer), headers=_NO_STORE)

    return [challenge_host, enrol_ssh_host, renew_ssh_host, read_own_logins]
