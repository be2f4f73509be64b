"""From an account to a certificate, on both engines (RFC 8555 section 7.1's happy path)."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from ca_service.database.port import Database
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr, sign_jws
from tests.support.acme_stack import AcmeStack
from tests.support.fakes.kernel import FakeClock


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


def test_an_account_gets_a_certificate_by_http_01(stack: AcmeStack) -> None:
    client = stack.account()
    order = client.order("a.example", "b.example")
    stack.prove(client, order)
    done = client.post(order.json()["finalize"], {"csr": b64(make_csr("b.example", "a.example"))})
    chain = client.post(done.json()["certificate"])
    leaf = x509.load_pem_x509_certificate(chain.body)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"a.example", "b.example"}


def test_each_status_follows_from_the_facts(stack: AcmeStack) -> None:
    client = stack.account()
    order = client.order("a.example")
    url = order.header("location")
    seen = [order.json()["status"]]
    stack.prove(client, order)
    seen.append(client.post(url).json()["status"])
    client.post(order.json()["finalize"], {"csr": b64(make_csr("a.example"))})
    seen.append(client.post(url).json()["status"])
    assert seen == ["pending", "ready", "valid"]


def test_the_certificate_comes_as_a_chain_with_the_leaf_first(stack: AcmeStack) -> None:
    client, url = issue(stack)
    chain = client.post(url)
    assert chain.header("content-type") == "application/pem-certificate-chain"
    assert chain.body.count(b"BEGIN CERTIFICATE") == 2


def test_the_names_are_proved_to_the_authority_one_by_one(stack: AcmeStack) -> None:
    issue(stack, "b.example", "a.example")
    [asked] = stack.authority.asked
    assert [(proof.name.value, proof.method) for proof in asked.proofs] == [
        ("a.example", "http-01"),
        ("b.example", "http-01"),
    ]


def test_the_trail_has_parent_and_child_of_a_finalization(stack: AcmeStack) -> None:
    issue(stack)
    finalized = next(entry for entry in stack.trail.entries if entry.action == "acme:finalize-order")
    issued = next(entry for entry in stack.trail.entries if entry.action == "x509:issue")
    assert issued.parent == finalized.id


def test_the_account_is_the_caller_of_the_issuance(stack: AcmeStack) -> None:
    client, _ = issue(stack)
    issued = next(entry for entry in stack.trail.entries if entry.action == "x509:issue")
    assert issued.caller == f'Acme::Account::"{(client.kid or "").rpartition("/")[2]}"'


def test_finalizing_again_with_the_same_csr_answers_the_order(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    csr = b64(make_csr("a.example"))
    first = client.post(order["finalize"], {"csr": csr})
    again = client.post(order["finalize"], {"csr": csr})
    assert (again.status, again.json()) == (200, first.json())


def test_finalizing_again_with_another_csr_is_refused(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    client.post(order["finalize"], {"csr": b64(make_csr("a.example"))})
    again = client.post(order["finalize"], {"csr": b64(make_csr("a.example"))})
    assert (again.status, again.problem) == (403, "orderNotReady")


def test_of_many_finalizations_at_once_exactly_one_issues(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    requests = []
    for _ in range(5):
        payload = json.dumps({"csr": b64(make_csr("a.example"))}).encode()
        requests.append(sign_jws(client.key, payload, client.header(order["finalize"])))

    async def at_once() -> list[Reply]:
        headers = {"Content-Type": "application/jose+json"}
        return await asyncio.gather(
            *(stack.exchange("POST", order["finalize"], headers, request) for request in requests)
        )

    replies = stack.runner.run(at_once())
    assert sorted(reply.status for reply in replies) == [200, 403, 403, 403, 403]
    assert len(stack.authority.inventory) == 1


def test_the_same_finalization_twice_at_once_answers_the_same_certificate(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    payload = json.dumps({"csr": b64(make_csr("a.example"))}).encode()
    requests = [sign_jws(client.key, payload, client.header(order["finalize"])) for _ in range(2)]

    async def at_once() -> list[Reply]:
        headers = {"Content-Type": "application/jose+json"}
        return await asyncio.gather(
            *(stack.exchange("POST", order["finalize"], headers, request) for request in requests)
        )

    first, second = stack.runner.run(at_once())
    assert (first.status, first.json()) == (200, second.json())


def test_an_order_that_fails_while_its_certificate_is_signed_gets_none(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    authorization = client.post(order["authorizations"][0])
    body = sign_jws(client.key, b'{"status":"deactivated"}', client.header(order["authorizations"][0]))

    async def deactivate() -> None:
        await stack.exchange(
            "POST", order["authorizations"][0], {"Content-Type": "application/jose+json"}, body
        )

    stack.authority.while_signing = deactivate
    refused = client.post(order["finalize"], {"csr": b64(make_csr("a.example"))})
    assert authorization.json()["status"] == "valid"
    assert (refused.problem, stack.authority.inventory) == ("orderNotReady", {})


@pytest.mark.parametrize(
    ("csr", "problem"),
    [
        (make_csr("a.example", "b.example"), "badCSR"),
        (make_csr("b.example"), "badCSR"),
        (make_csr(), "badCSR"),
        (make_csr("a.example", common_name="b.example"), "badCSR"),
        (make_csr("a.example", common_name="Our Server"), "badCSR"),
        (make_csr("A_b.example"), "badCSR"),
        (b"", "malformed"),
        (b"\x30\x03\x02\x01\x01", "badCSR"),
        (b"x" * 30_000, "badCSR"),
    ],
    ids=["extra", "other", "none", "other-cn", "free-cn", "bad-name", "empty", "not-a-csr", "large"],
)
def test_a_csr_that_is_not_of_this_order_is_refused(stack: AcmeStack, csr: bytes, problem: str) -> None:
    client, order = ready_order(stack)
    refused = client.post(order["finalize"], {"csr": b64(csr)})
    assert (refused.status, refused.problem) == (400, problem)


def test_a_csr_with_the_name_as_common_name_only_is_taken(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    done = client.post(order["finalize"], {"csr": b64(make_csr(common_name="A.example"))})
    assert done.json()["status"] == "valid"


def test_a_csr_with_the_key_of_the_account_is_refused(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    csr = make_csr("a.example", key=client.key.private_key)
    assert client.post(order["finalize"], {"csr": b64(csr)}).problem == "badCSR"


def test_a_csr_with_the_key_of_any_account_is_refused(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    csr = make_csr("a.example", key=stack.account().key.private_key)
    assert client.post(order["finalize"], {"csr": b64(csr)}).problem == "badCSR"


def test_a_denial_of_the_policy_is_unauthorized(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    stack.policy.denied |= {"x509:issue", "x509:read"}
    refused = client.post(order["finalize"], {"csr": b64(make_csr("a.example"))})
    assert (refused.status, refused.problem) == (403, "unauthorized")


def test_a_pending_order_is_not_finalized(stack: AcmeStack) -> None:
    client = stack.account()
    order = client.order("a.example").json()
    refused = client.post(order["finalize"], {"csr": b64(make_csr("a.example"))})
    assert (refused.status, refused.problem) == (403, "orderNotReady")


def test_an_expired_order_is_not_finalized(stack: AcmeStack) -> None:
    client, order = ready_order(stack)
    stack.clock.advance(timedelta(days=8))
    refused = client.post(order["finalize"], {"csr": b64(make_csr("a.example"))})
    assert (refused.status, refused.problem) == (403, "orderNotReady")


def test_another_account_cannot_download_the_certificate(stack: AcmeStack) -> None:
    _, url = issue(stack)
    assert stack.account().post(url).status == 404


def test_a_certificate_is_revoked_by_its_account(stack: AcmeStack) -> None:
    client, url = issue(stack)
    reply = revoke(client, client.post(url).body, reason=4)
    [certificate] = stack.authority.inventory.values()
    assert (reply.status, reply.body, certificate.revocation_reason) == (200, b"", "superseded")


def test_a_revoked_certificate_is_not_handed_out(stack: AcmeStack) -> None:
    client, url = issue(stack)
    revoke(client, client.post(url).body)
    assert client.post(url).status == 404


def test_a_certificate_is_revoked_once(stack: AcmeStack) -> None:
    client, url = issue(stack)
    chain = client.post(url).body
    revoke(client, chain)
    stack.clock.advance(timedelta(seconds=1))
    assert revoke(client, chain).problem == "alreadyRevoked"


def test_a_certificate_is_revoked_by_its_own_key(stack: AcmeStack) -> None:
    key = ClientKey.new()
    client, url = issue(stack, key=key)
    chain = client.post(url).body
    stranger = stack.client(key=key)
    assert revoke(stranger, chain, reason=1).status == 200


def test_a_certificate_is_not_revoked_by_another_key(stack: AcmeStack) -> None:
    client, url = issue(stack)
    refused = revoke(stack.client(), client.post(url).body)
    assert (refused.status, refused.problem) == (403, "unauthorized")


def test_a_certificate_is_not_revoked_by_another_account(stack: AcmeStack) -> None:
    client, url = issue(stack)
    refused = revoke(stack.account(), client.post(url).body)
    assert (refused.status, refused.problem) == (403, "unauthorized")


def test_a_forged_certificate_with_the_serial_number_of_ours_is_unknown(stack: AcmeStack) -> None:
    client, url = issue(stack)
    leaf = x509.load_pem_x509_certificate(client.post(url).body)
    key = ClientKey.new()
    forged = (
        x509.CertificateBuilder()
        .subject_name(leaf.subject)
        .issuer_name(leaf.issuer)
        .public_key(key.private_key.public_key())
        .serial_number(leaf.serial_number)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .sign(ClientKey.new().private_key, hashes.SHA256())
    )
    refused = revoke(stack.client(key=key), forged.public_bytes(serialization.Encoding.PEM))
    assert refused.status == 404


@pytest.mark.parametrize("reason", [2**70, -1, 7, 6, 11, "1", True, 1.5])
def test_a_reason_that_nobody_may_give_is_refused(stack: AcmeStack, reason: object) -> None:
    client, url = issue(stack)
    assert revoke(client, client.post(url).body, reason=reason).problem == "badRevocationReason"


def ready_order(stack: AcmeStack, *names: str) -> tuple[AcmeClient, dict[str, Any]]:
    """Return an account and an order of it that waits for its CSR."""
    client = stack.account()
    order = client.order(*(names or ("a.example",)))
    stack.prove(client, order)
    return client, order.json()


def issue(stack: AcmeStack, *names: str, key: ClientKey | None = None) -> tuple[AcmeClient, str]:
    """Return an account and the URL of a certificate that was issued to it."""
    names = names or ("a.example",)
    client, order = ready_order(stack, *names)
    csr = make_csr(*names, key=key.private_key if key else None)
    return client, client.post(order["finalize"], {"csr": b64(csr)}).json()["certificate"]


def revoke(client: AcmeClient, chain: bytes, **payload: object) -> Reply:
    """Ask for the revocation of the first certificate of a chain."""
    der = x509.load_pem_x509_certificate(chain).public_bytes(serialization.Encoding.DER)
    return client.post(client.directory["revokeCert"], {"certificate": b64(der), **payload})
