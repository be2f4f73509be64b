"""Revocation, line by line (RFC 8555 section 7.6, S12)."""

import asyncio
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ca_service.database.port import Database
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr
from tests.support.acme_orders import DAY, HOUR, finalize, order, prove, ready
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.kernel import FakeClock

NAMES = ("a.example", "b.example")


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def certificate_of(stack: AcmeStack, client: AcmeClient, *names: str, key: ClientKey | None = None) -> bytes:
    """Return the DER of a certificate that was issued to a client."""
    names = names or NAMES
    csr = make_csr(*names, key=None if key is None else key.private_key)
    done = finalize(client, ready(stack, client, *names), csr)
    chain = client.post(done.json()["certificate"]).body
    return x509.load_pem_x509_certificate(chain).public_bytes(serialization.Encoding.DER)


def revoke(client: AcmeClient, der: bytes, **members: object) -> Reply:
    return client.post(client.directory["revokeCert"], {"certificate": b64(der), **members})


def told(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.problem


def reasons(stack: AcmeStack) -> list[object]:
    return [certificate.revocation_reason for certificate in stack.authority.inventory.values()]


# ---------------------------------------------------------------- who may


def test_by_issuing_account_200_empty(stack: AcmeStack, client: AcmeClient) -> None:
    reply = revoke(client, certificate_of(stack, client))
    assert (reply.status, reply.body) == (200, b"")


def test_by_certificate_key(stack: AcmeStack, client: AcmeClient) -> None:
    key = ClientKey.new()
    der = certificate_of(stack, client, key=key)
    assert revoke(stack.client(key=key), der, reason=1).status == 200


def test_by_certificate_key_although_the_account_was_deactivated(
    stack: AcmeStack, client: AcmeClient
) -> None:
    key = ClientKey.new()
    der = certificate_of(stack, client, key=key)
    client.post(client.kid or "", {"status": "deactivated"})
    assert revoke(stack.client(key=key), der).status == 200


def test_by_another_account_with_valid_authz_for_all_identifiers(
    stack: AcmeStack, client: AcmeClient
) -> None:
    der = certificate_of(stack, client)
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    ready(stack, other, *NAMES)
    assert revoke(other, der).status == 200


def test_the_proof_of_another_account_stands_in_the_trail(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    ready(stack, other, *NAMES)
    revoke(other, der)
    [entry] = [entry for entry in stack.trail.entries if entry.action == "acme:revoke-certificate"]
    assert entry.details["proof"] == "authorizations"


def test_authz_proved_in_several_orders_count_together(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    for name in NAMES:
        ready(stack, other, name)
    assert revoke(other, der).status == 200


def test_not_by_another_account_without_authz(stack: AcmeStack, client: AcmeClient) -> None:
    assert told(revoke(stack.account(), certificate_of(stack, client))) == (403, "unauthorized")


def test_not_by_another_account_with_authz_for_some_identifiers(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    ready(stack, other, NAMES[0])
    assert told(revoke(other, der)) == (403, "unauthorized")


def test_not_by_another_account_with_pending_authz(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    order(other, *NAMES)
    assert told(revoke(other, der)) == (403, "unauthorized")


def test_not_by_another_account_with_authz_from_before_the_order(
    stack: AcmeStack, client: AcmeClient
) -> None:
    other = stack.account()
    ready(stack, other, *NAMES)
    stack.clock.advance(timedelta(seconds=1))
    assert told(revoke(other, certificate_of(stack, client))) == (403, "unauthorized")


def test_not_by_another_account_with_authz_that_were_given_up(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    made = ready(stack, other, *NAMES)
    other.post(made.json()["authorizations"][0], {"status": "deactivated"})
    assert told(revoke(other, der)) == (403, "unauthorized")


def test_not_by_another_account_with_authz_that_expired(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    ready(stack, other, *NAMES)
    stack.clock.advance(8 * DAY)
    assert told(revoke(other, der)) == (403, "unauthorized")


def test_not_by_another_account_that_proved_the_base_of_a_wildcard(
    stack: AcmeStack, client: AcmeClient
) -> None:
    from acme.challenges import digest_of

    made = order(client, "*.a.example")
    [challenge] = client.post(made.json()["authorizations"][0]).json()["challenges"]
    record = digest_of(client.key_authorization(challenge["token"])).encode()
    stack.world.records["_acme-challenge.a.example"] = (record,)
    client.post(challenge["url"], {})
    stack.run_jobs()
    der = certificate_of(stack, client, "*.a.example")
    other = stack.account()
    stack.clock.advance(timedelta(seconds=1))
    ready(stack, other, "a.example")
    assert told(revoke(other, der)) == (403, "unauthorized")


def test_not_by_an_account_of_another_directory_with_valid_authz(
    stack: AcmeStack, client: AcmeClient
) -> None:
    stack.add_directory("two")
    der = certificate_of(stack, client)
    other = stack.account(f"{URL}/acme/two/directory")
    stack.clock.advance(timedelta(seconds=1))
    ready(stack, other, *NAMES)
    assert revoke(other, der).status == 404


def test_wrong_key_is_unauthorized_403(stack: AcmeStack, client: AcmeClient) -> None:
    assert told(revoke(stack.client(), certificate_of(stack, client))) == (403, "unauthorized")


def test_the_key_of_the_account_does_not_revoke_as_a_certificate_key(
    stack: AcmeStack, client: AcmeClient
) -> None:
    der = certificate_of(stack, client)
    assert told(revoke(stack.client(key=client.key), der)) == (403, "unauthorized")


# ---------------------------------------------------------------- for which reason


def test_reason_absent_is_unspecified(stack: AcmeStack, client: AcmeClient) -> None:
    revoke(client, certificate_of(stack, client))
    assert reasons(stack) == ["unspecified"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, "unspecified"),
        (1, "keyCompromise"),
        (2, "cACompromise"),
        (3, "affiliationChanged"),
        (4, "superseded"),
        (5, "cessationOfOperation"),
        (9, "privilegeWithdrawn"),
        (10, "aACompromise"),
    ],
)
def test_reason_of_each_code_that_may_be_given(
    stack: AcmeStack, client: AcmeClient, code: int, reason: str
) -> None:
    revoke(client, certificate_of(stack, client), reason=code)
    assert reasons(stack) == [reason]


@pytest.mark.parametrize("code", [6, 7, 8, 11, -1, 2**70, "1", True, 1.5, [1]], ids=repr)
def test_reason_7_and_over_10_is_bad_revocation_reason(
    stack: AcmeStack, client: AcmeClient, code: object
) -> None:
    reply = revoke(client, certificate_of(stack, client), reason=code)
    assert (told(reply), reasons(stack)) == ((400, "badRevocationReason"), [None])


# ---------------------------------------------------------------- what


def test_already_revoked_is_already_revoked_400(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    revoke(client, der, reason=4)
    stack.clock.advance(timedelta(seconds=1))
    assert (told(revoke(client, der, reason=1)), reasons(stack)) == ((400, "alreadyRevoked"), ["superseded"])


def test_unknown_certificate_is_404_malformed(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    stack.add_directory("two")
    other = stack.account(f"{URL}/acme/two/directory", client.key)
    assert told(revoke(other, der)) == (404, "malformed")


@pytest.mark.parametrize("body", [b"x", b"\x30\x00", b"-----BEGIN CERTIFICATE-----"], ids=repr)
def test_body_not_der_is_malformed(client: AcmeClient, body: bytes) -> None:
    assert told(revoke(client, body)) == (400, "malformed")


@pytest.mark.parametrize("value", [None, 5, "", "*", "AAA="], ids=repr)
def test_certificate_that_is_not_base64url_is_malformed(client: AcmeClient, value: object) -> None:
    reply = client.post(client.directory["revokeCert"], {"certificate": value})
    assert told(reply) == (400, "malformed")


def test_expired_certificate_is_unauthorized(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    stack.clock.advance(48 * DAY)
    assert told(revoke(client, der)) == (403, "unauthorized")


def test_a_stranger_learns_nothing_of_an_expired_certificate(stack: AcmeStack, client: AcmeClient) -> None:
    der = certificate_of(stack, client)
    stack.clock.advance(48 * DAY)
    assert "another account" in revoke(stack.account(), der).json()["detail"]


def test_a_revoked_certificate_is_not_downloaded_any_more(stack: AcmeStack, client: AcmeClient) -> None:
    done = finalize(client, ready(stack, client, *NAMES))
    url = done.json()["certificate"]
    der = x509.load_pem_x509_certificate(client.post(url).body).public_bytes(serialization.Encoding.DER)
    revoke(client, der)
    gone = client.post(url)
    assert (told(gone), "revoked" in gone.json()["detail"]) == ((404, "malformed"), True)


def test_the_order_of_a_revoked_certificate_stays_valid(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, *NAMES)
    done = finalize(client, made)
    chain = client.post(done.json()["certificate"]).body
    revoke(client, x509.load_pem_x509_certificate(chain).public_bytes(serialization.Encoding.DER))
    assert client.post(made.header("location")).json()["status"] == "valid"


def test_an_expired_certificate_is_downloaded_still(stack: AcmeStack, client: AcmeClient) -> None:
    done = finalize(client, ready(stack, client, *NAMES))
    stack.clock.advance(48 * DAY + HOUR)
    prove(stack, client, order(client, "other.example"))
    assert client.post(done.json()["certificate"]).status == 200
