"""A right that was taken away is gone with the commit that took it, in every process (S14)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.server import Response, Server, running_server

_ROUNDS = 60
_CERTIFICATES = "/v1/projects/default/x509/certificates"
_ORGANIZATION = "/v1/organizations/default"
_MEMBERSHIPS = "/v1/projects/default/memberships"
_WANTED = {"profile": "server", "dns_names": ["a.example.com"]}


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory, database_url: str | None) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("two-workers"), database_url, args=["--workers", "2"]
    ) as server:
        yield server


def test_a_withdrawn_role_issues_nothing_in_any_worker(two_workers: Server) -> None:
    identity = _made(two_workers.post(f"{_ORGANIZATION}/identities", {"name": "one"}))["id"]
    token = _token(two_workers, _secret(two_workers, identity))
    still_allowed = []
    for number in range(_ROUNDS):
        membership = _made(two_workers.post(_MEMBERSHIPS, {"identity": identity, "role": "member"}))["id"]
        assert _issue(two_workers, token).status == 201, f"round {number}: the role does not count"
        assert two_workers.request("DELETE", f"{_MEMBERSHIPS}/{membership}").status == 204
        # Every request is a connection of its own, so either worker may answer it.
        answers = {_issue(two_workers, token).status for _ in range(2)}
        if answers != {404}:
            still_allowed.append((number, answers))
    assert not still_allowed


def test_a_revoked_token_opens_nothing_in_any_worker(two_workers: Server) -> None:
    identity = _made(two_workers.post(f"{_ORGANIZATION}/identities", {"name": "two"}))["id"]
    secret = _secret(two_workers, identity)
    two_workers.post(_MEMBERSHIPS, {"identity": identity, "role": "member"})
    still_allowed = []
    for number in range(_ROUNDS):
        token = _token(two_workers, secret)
        assert _issue(two_workers, token).status == 201
        assert two_workers.post("/v1/auth/token/revoke", {}, token=token).status == 204
        answers = {_issue(two_workers, token).status for _ in range(2)}
        if answers != {401}:
            still_allowed.append((number, answers))
    assert not still_allowed


def test_a_withdrawn_role_reveals_nothing_in_any_worker(two_workers: Server) -> None:
    secret = "/v1/projects/default/environments/dev/secrets/S14"
    assert two_workers.request("PUT", secret, {"value": "s3cret"}).status == 201
    identity = _made(two_workers.post(f"{_ORGANIZATION}/identities", {"name": "three"}))["id"]
    token = _token(two_workers, _secret(two_workers, identity))
    still_allowed = []
    for number in range(_ROUNDS):
        membership = _made(two_workers.post(_MEMBERSHIPS, {"identity": identity, "role": "member"}))["id"]
        assert two_workers.get(secret, token=token).status == 200, f"round {number}: the role does not count"
        assert two_workers.request("DELETE", f"{_MEMBERSHIPS}/{membership}").status == 204
        answers = {two_workers.get(secret, token=token).status for _ in range(2)}
        if answers != {404}:
            still_allowed.append((number, answers))
    assert not still_allowed


def _secret(server: Server, identity: str) -> dict[str, Any]:
    return _made(server.post(f"{_ORGANIZATION}/identities/{identity}/client-secrets", {}))


def _token(server: Server, secret: dict[str, Any]) -> str:
    body = {"client_id": secret["client_id"], "client_secret": secret["client_secret"]}
    answer = server.post("/v1/auth/universal/login", body, token=None)
    assert answer.status == 200, answer.body
    return str(answer.json()["access_token"])


def _made(answer: Response) -> dict[str, Any]:
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.json()
    return made


def _issue(server: Server, token: str) -> Response:
    return server.post(_CERTIFICATES, _WANTED, token=token)
