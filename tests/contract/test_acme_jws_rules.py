"""Signed requests (RFC 8555 sections 6.2 to 6.5), a test for each rule; more in `bad_acme_requests`."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from acme.wire.nonces import Nonces
from ca_service.database.port import Database
from ca_service.kernel.randomness import SystemRandomness
from tests.support.acme_client import AcmeClient, ClientKey, sign_jws
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import FakeCustody
from tests.support.fakes.kernel import FakeClock

NEW_ORDER = {"identifiers": [{"type": "dns", "value": "a.example"}]}


@pytest.fixture
def stack(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, sqlite_database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def jws(client: AcmeClient, url: str, payload: object) -> dict[str, str]:
    body = json.dumps(payload).encode()
    members: dict[str, str] = json.loads(sign_jws(client.key, body, client.header(url)))
    return members


# ---------------------------------------------------------------- 6.2: media type and serialization


@pytest.mark.parametrize(
    "content_type",
    ["application/jose+json", "APPLICATION/JOSE+JSON", "application/jose+json; charset=utf-8"],
)
def test_6_2_the_content_type_is_jose_json_and_its_parameters_do_not_matter(
    client: AcmeClient, content_type: str
) -> None:
    url = client.directory["newOrder"]
    body = sign_jws(client.key, json.dumps(NEW_ORDER).encode(), client.header(url))
    assert client.post_raw(url, body, content_type).status == 201


def test_6_2_only_the_flattened_serialization_is_taken(client: AcmeClient) -> None:
    url = client.directory["newOrder"]
    one = jws(client, url, NEW_ORDER)
    signature = {"protected": one["protected"], "signature": one["signature"]}
    general = {"payload": one["payload"], "signatures": [signature]}
    compact = f"{one['protected']}.{one['payload']}.{one['signature']}"
    replies = [
        client.post_raw(url, json.dumps(general).encode()),
        client.post_raw(url, json.dumps({**general, "signatures": [signature, signature]}).encode()),
        client.post_raw(url, compact.encode()),
        client.post_raw(url, json.dumps({**one, "header": {"kid": client.kid}}).encode()),
    ]
    assert [reply.problem for reply in replies] == ["malformed"] * 4
    assert client.post_raw(url, json.dumps(one).encode()).status == 201


# ---------------------------------------------------------------- 6.2: algorithms and keys


def test_6_2_rs256_and_es256_are_taken(stack: AcmeStack) -> None:
    keys = (ClientKey(rsa.generate_private_key(65537, 2048)), ClientKey.new())
    assert [stack.account(key=key).order("a.example").status for key in keys] == [201, 201]


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS384", "HS512"])
def test_6_2_none_and_every_mac_are_refused_with_what_is_taken(client: AcmeClient, algorithm: str) -> None:
    reply = client.post(client.directory["newOrder"], NEW_ORDER, alg=algorithm)
    assert (reply.status, reply.problem, "RS256" in reply.json()["algorithms"]) == (
        400,
        "badSignatureAlgorithm",
        True,
    )


@pytest.mark.parametrize("bits", [1024, 1536])
def test_6_2_a_weak_account_key_is_refused(stack: AcmeStack, bits: int) -> None:
    reply = stack.client(key=ClientKey(rsa.generate_private_key(65537, bits))).register()
    assert (reply.status, reply.problem) == (400, "badPublicKey")


# ---------------------------------------------------------------- 6.2: jwk and kid


def test_6_2_a_key_opens_an_account_and_an_account_everything_else(client: AcmeClient) -> None:
    by_key: dict[str, Any] = {"kid": None, "jwk": client.key.jwk}
    assert client.post(client.directory["newOrder"], NEW_ORDER, **by_key).problem == "malformed"
    assert client.post(client.kid or "", {}, **by_key).problem == "malformed"
    assert client.post(client.directory["keyChange"], {}, **by_key).problem == "malformed"
    assert client.post(client.directory["newAccount"], {}).problem == "malformed"


def test_6_2_a_revocation_may_be_signed_by_either(client: AcmeClient) -> None:
    url = client.directory["revokeCert"]
    by_key: dict[str, Any] = {"kid": None, "jwk": client.key.jwk}
    details = [client.post(url, {}, **header).json()["detail"] for header in ({}, by_key)]
    assert details == ["The payload has no `certificate`."] * 2


def test_6_2_the_kid_of_a_deactivated_account_is_unauthorized(client: AcmeClient) -> None:
    assert client.post(client.kid or "", {"status": "deactivated"}).status == 200
    reply = client.post(client.directory["newOrder"], NEW_ORDER)
    assert (reply.status, reply.problem) == (403, "unauthorized")


# ---------------------------------------------------------------- 6.3: POST-as-GET


def test_6_3_what_is_read_is_read_with_the_empty_string_only(client: AcmeClient) -> None:
    order = client.order("a.example")
    for url in (order.header("location"), order.json()["authorizations"][0], f"{client.kid}/orders"):
        assert client.post(url).status == 200
        assert client.post(url, {}).problem == "malformed"


def test_7_5_1_a_challenge_is_read_with_the_empty_string_and_answered_with_an_object(
    stack: AcmeStack, client: AcmeClient
) -> None:
    order = client.order("a.example")
    url = client.post(order.json()["authorizations"][0]).json()["challenges"][0]["url"]
    assert client.post(url).json()["status"] == "pending"
    assert stack.queue.jobs == []
    assert client.post(url, {}).json()["status"] == "processing"
    assert len(stack.queue.jobs) == 1


def test_7_5_1_the_vestige_of_older_drafts_in_a_challenge_is_ignored(client: AcmeClient) -> None:
    order = client.order("a.example")
    url = client.post(order.json()["authorizations"][0]).json()["challenges"][0]["url"]
    reply = client.post(url, {"keyAuthorization": "x", "resource": "challenge", "type": "http-01"})
    assert (reply.status, reply.json()["status"]) == (200, "processing")


# ---------------------------------------------------------------- 6.4: url


def test_6_4_the_url_is_that_of_the_request_and_never_that_of_the_host_header(
    stack: AcmeStack, client: AcmeClient
) -> None:
    url = client.directory["newOrder"]
    wrong = url.replace("ca.example", "other.example")
    body = sign_jws(client.key, b"{}", client.header(url, url=wrong))
    assert client.post_raw(url, body).problem == "unauthorized"


# ---------------------------------------------------------------- 6.5: nonces


def test_6_5_a_nonce_is_good_for_an_hour_and_not_longer(stack: AcmeStack, client: AcmeClient) -> None:
    nonces = [client.nonce() for _ in range(2)]
    stack.clock.advance(timedelta(minutes=59))
    assert client.post(client.kid or "", {}, nonce=nonces[0]).status == 200
    stack.clock.advance(timedelta(minutes=2))
    assert client.post(client.kid or "", {}, nonce=nonces[1]).problem == "badNonce"


def test_6_5_a_nonce_is_good_after_a_restart(clock: FakeClock, client: AcmeClient) -> None:
    nonce = client.nonce()
    restarted = Nonces(FakeCustody().mac_key("acme-nonce"), SystemRandomness())
    assert restarted.parse(nonce, clock.now())


def test_6_5_a_nonce_is_good_in_every_directory(stack: AcmeStack, client: AcmeClient) -> None:
    stack.add_directory("second")
    elsewhere = stack.client(f"{URL}/acme/second/directory").nonce()
    assert client.post(client.kid or "", {}, nonce=elsewhere).status == 200


@pytest.mark.parametrize("depth", [1_000, 10_000])
def test_deep_json_is_refused_in_no_time(client: AcmeClient, depth: int) -> None:
    url = client.directory["newOrder"]
    body = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    assert client.post_raw(url, body).problem == "malformed"
    assert client.post_raw(url, sign_jws(client.key, body, client.header(url))).problem == "malformed"
