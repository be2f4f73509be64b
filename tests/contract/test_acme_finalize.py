"""Finalize and the CSR, line by line (RFC 8555 section 7.4)."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from acme.directories import CaaMode, DirectoryRules
from acme.operations import DirectoryChanges, UpdateDirectory
from ca_service.database.port import Database
from ca_service.egress.errors import EgressError
from ca_service.egress.records import CaaRecord
from ca_service.gate.port import RequestContext
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr, sign_jws
from tests.support.acme_orders import DAY, HOUR, finalize, location, order, ready, text
from tests.support.acme_stack import URL, AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock
from tests.support.hand_csr import (
    BASIC_CONSTRAINTS,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    POISON,
    TLS_FEATURE,
    alternative_names,
    attribute,
    der,
    dns,
    extension,
    hand_csr,
    oid,
)

NAME = "a.example"
SAN = alternative_names(dns(NAME.encode()))


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    return AcmeStack(runner, database, clock)


@pytest.fixture
def client(stack: AcmeStack) -> AcmeClient:
    return stack.account()


def refused(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.problem


def issued(stack: AcmeStack) -> x509.Certificate:
    """Return the one certificate of the inventory."""
    [certificate] = stack.authority.inventory.values()
    return x509.load_der_x509_certificate(certificate.der)


# ---------------------------------------------------------------- the state of the order


def test_finalize_of_a_pending_order_is_order_not_ready(client: AcmeClient) -> None:
    assert refused(finalize(client, order(client, NAME))) == (403, "orderNotReady")


def test_finalize_of_an_invalid_order_is_order_not_ready(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    client.post(made.json()["authorizations"][0], {"status": "deactivated"})
    assert refused(finalize(client, made)) == (403, "orderNotReady")


def test_finalize_of_a_valid_order_with_another_csr_is_order_not_ready(
    stack: AcmeStack, client: AcmeClient
) -> None:
    made = ready(stack, client, NAME)
    finalize(client, made)
    assert refused(finalize(client, made)) == (403, "orderNotReady")


def test_finalize_of_an_expired_order_is_order_not_ready(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    stack.clock.advance(8 * DAY)
    assert refused(finalize(client, made)) == (403, "orderNotReady")


def test_finalize_of_the_order_of_another_account_is_not_found(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    assert finalize(stack.account(), made).status == 404


def test_a_second_finalize_of_a_valid_order_with_the_same_csr_returns_the_order(
    stack: AcmeStack, client: AcmeClient
) -> None:
    made, csr = ready(stack, client, NAME), make_csr(NAME)
    first, again = finalize(client, made, csr), finalize(client, made, csr)
    assert (again.status, again.json(), len(stack.authority.inventory)) == (200, first.json(), 1)


def test_finalize_answers_the_location_of_the_order(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    assert finalize(client, made).header("location") == location(made)


def test_n_parallel_finalizes_make_exactly_one_certificate(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    url = made.json()["finalize"]
    # Half of them retries of one client, the others with CSRs of their own.
    same = make_csr(NAME)
    requests = [
        sign_jws(
            client.key,
            json.dumps({"csr": b64(same if number % 2 else make_csr(NAME))}).encode(),
            client.header(url),
        )
        for number in range(16)
    ]

    async def at_once() -> list[Reply]:
        headers = {"Content-Type": "application/jose+json"}
        return await asyncio.gather(*(stack.exchange("POST", url, headers, request) for request in requests))

    replies = stack.runner.run(at_once())
    certificates = {reply.json()["certificate"] for reply in replies if reply.status == 200}
    assert (len(certificates), len(stack.authority.inventory)) == (1, 1)
    assert {reply.problem for reply in replies if reply.status != 200} <= {"orderNotReady"}


def test_a_crash_between_sign_and_commit_leaves_a_ready_order(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)

    async def crash() -> None:
        raise RuntimeError("the process dies here")

    stack.authority.while_signing = crash
    failed = finalize(client, made)
    stack.authority.while_signing = None
    status = client.post(location(made)).json()["status"]
    assert (failed.status, status, stack.authority.inventory) == (500, "ready", {})
    assert (finalize(client, made).json()["status"], len(stack.authority.inventory)) == ("valid", 1)


def test_a_trail_that_cannot_be_written_releases_nothing(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)

    async def break_trail() -> None:
        stack.trail.is_broken = True

    stack.authority.while_signing = break_trail
    failed = finalize(client, made)
    stack.trail.is_broken, stack.authority.while_signing = False, None
    assert (failed.status, stack.authority.inventory) == (503, {})
    assert client.post(location(made)).json()["status"] == "ready"


# ---------------------------------------------------------------- the CSR


@pytest.mark.parametrize(
    ("csr", "problem"),
    [
        ("*", "badCSR"),
        ("AAA=", "badCSR"),
        (5, "malformed"),
        (None, "malformed"),
        ("", "malformed"),
        (["AAAA"], "malformed"),
    ],
    ids=repr,
)
def test_csr_that_is_not_base64url_der_is_malformed_or_bad_csr(
    stack: AcmeStack, client: AcmeClient, csr: object, problem: str
) -> None:
    made = ready(stack, client, NAME)
    assert refused(client.post(made.json()["finalize"], {"csr": csr})) == (400, problem)


def weak_rsa() -> bytes:
    key = rsa.generate_private_key(65537, 1024)
    return make_csr(NAME, key=key)


def odd_curve() -> bytes:
    return make_csr(NAME, key=ec.generate_private_key(ec.SECP256K1()))


def other_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hand_csr(extensions=(SAN,), public_key=spki)


_RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: b"\x30\x03\x02\x01\x01", id="not-a-csr"),
        pytest.param(lambda: make_csr(NAME) + b"\x00", id="bytes-behind-it"),
        pytest.param(lambda: hand_csr(extensions=(SAN,), break_signature=True), id="bad-self-signature"),
        pytest.param(other_key, id="signed-by-another-key"),
        pytest.param(lambda: hand_csr(extensions=(SAN,), digest="sha1"), id="sha1-ec"),
        pytest.param(lambda: hand_csr(extensions=(SAN,), digest="sha1", key=_RSA), id="sha1-rsa"),
        pytest.param(lambda: hand_csr(extensions=(SAN,), digest="md5", key=_RSA), id="md5"),
        pytest.param(lambda: hand_csr(extensions=(SAN,), version=1), id="version-not-0"),
        pytest.param(weak_rsa, id="weak-key"),
        pytest.param(odd_curve, id="odd-curve"),
        pytest.param(lambda: make_csr(NAME, "b.example"), id="extra-name"),
        pytest.param(lambda: make_csr("b.example"), id="other-name"),
        pytest.param(lambda: make_csr(f"*.{NAME}"), id="wildcard-instead"),
        pytest.param(make_csr, id="no-name"),
        pytest.param(lambda: make_csr(NAME, common_name="b.example"), id="cn-not-ordered"),
        pytest.param(lambda: make_csr(NAME, common_name="Our Server"), id="cn-no-host"),
        pytest.param(lambda: make_csr(NAME, common_name="192.0.2.1"), id="ip-in-cn"),
        pytest.param(
            lambda: hand_csr(extensions=(alternative_names(dns(NAME.encode()), der(0x81, b"a@b.example")),)),
            id="email",
        ),
        pytest.param(
            lambda: hand_csr(extensions=(alternative_names(dns(NAME.encode()), der(0x86, b"urn:x:y")),)),
            id="uri",
        ),
        pytest.param(
            lambda: hand_csr(
                extensions=(
                    alternative_names(
                        dns(NAME.encode()), der(0xA0, oid("2a0304"), der(0xA0, der(0x0C, b"x")))
                    ),
                )
            ),
            id="other-name-type",
        ),
        pytest.param(
            lambda: hand_csr(
                extensions=(alternative_names(dns(NAME.encode()), der(0x87, b"\xc0\x00\x02\x01")),)
            ),
            id="an-address-not-ordered",
        ),
        pytest.param(
            lambda: hand_csr(
                subject=(attribute(0x0C, NAME.encode()), attribute(0x0C, b"b.example")), extensions=(SAN,)
            ),
            id="two-cn",
        ),
        pytest.param(lambda: make_csr(*(f"n{number}.example" for number in range(101))), id="101-names"),
        pytest.param(
            lambda: hand_csr(extensions=(SAN, extension(BASIC_CONSTRAINTS, bytes.fromhex("30030101ff")))),
            id="ca-true",
        ),
        pytest.param(
            lambda: hand_csr(extensions=(SAN, extension(POISON, bytes.fromhex("0500")))), id="poison"
        ),
        pytest.param(
            lambda: hand_csr(extensions=(SAN, extension(TLS_FEATURE, bytes.fromhex("3003020111")))),
            id="another-tls-feature-than-must-staple",
        ),
        pytest.param(
            lambda: hand_csr(
                extensions=(SAN, extension(NAME_CONSTRAINTS, bytes.fromhex("300aa00830068204") + b"test"))
            ),
            id="name-constraints",
        ),
    ],
)
def test_csr_is_bad_csr(stack: AcmeStack, client: AcmeClient, make: Callable[[], bytes]) -> None:
    made = ready(stack, client, NAME)
    assert refused(finalize(client, made, make())) == (400, "badCSR")


def test_a_bad_csr_leaves_the_order_ready(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    finalize(client, made, make_csr("b.example"))
    assert client.post(location(made)).json()["status"] == "ready"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: make_csr("A.Example"), id="another-case"),
        pytest.param(lambda: make_csr(NAME, NAME), id="duplicates-folded"),
        pytest.param(lambda: make_csr(NAME, common_name="A.EXAMPLE"), id="cn-among-the-names"),
        pytest.param(lambda: make_csr(common_name=NAME), id="cn-alone"),
        pytest.param(
            lambda: hand_csr(
                extensions=(
                    SAN,
                    extension(KEY_USAGE, bytes.fromhex("03020106")),
                    extension(EXTENDED_KEY_USAGE, bytes.fromhex("300a06082b06010505070303")),
                )
            ),
            id="usages-are-ignored",
        ),
        pytest.param(lambda: make_csr(NAME, key=_RSA), id="rsa"),
    ],
)
def test_csr_is_taken(stack: AcmeStack, client: AcmeClient, make: Callable[[], bytes]) -> None:
    made = ready(stack, client, NAME)
    assert finalize(client, made, make()).json()["status"] == "valid"


def test_cn_longer_than_64_characters_is_taken(stack: AcmeStack, client: AcmeClient) -> None:
    name = f"{'a' * 60}.{'b' * 20}.example"
    made = ready(stack, client, name)
    csr = hand_csr(
        subject=(attribute(0x0C, name.encode()),), extensions=(alternative_names(dns(name.encode())),)
    )
    assert finalize(client, made, csr).json()["status"] == "valid"


def test_key_of_the_account_is_bad_csr(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    assert refused(finalize(client, made, make_csr(NAME, key=client.key.private_key))) == (400, "badCSR")


def test_key_of_an_account_of_another_directory_is_bad_csr(stack: AcmeStack, client: AcmeClient) -> None:
    stack.add_directory("two")
    other = stack.account(f"{URL}/acme/two/directory", ClientKey(_RSA))
    made = ready(stack, client, NAME)
    assert refused(finalize(client, made, make_csr(NAME, key=other.key.private_key))) == (400, "badCSR")


# ---------------------------------------------------------------- addresses


def csr_for(*names: str) -> bytes:
    """Return a CSR for names and addresses."""
    alternatives: list[x509.GeneralName] = [
        x509.IPAddress(ip_address(name)) if ":" in name or name[-1].isdigit() else x509.DNSName(name)
        for name in names
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def test_ip_identifiers_become_ip_addresses_of_the_certificate(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "192.0.2.7", "2001:DB8::1", NAME)
    done = finalize(client, made, csr_for("2001:db8::1", NAME, "192.0.2.7"))
    assert done.json()["status"] == "valid"
    names = issued(stack).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"192.0.2.7", "2001:db8::1"}


def test_an_address_in_the_csr_that_is_v4_mapped_is_folded(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "192.0.2.7")
    assert finalize(client, made, csr_for("::ffff:192.0.2.7")).json()["status"] == "valid"


def test_an_address_as_dns_name_of_the_csr_is_bad_csr(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "192.0.2.7")
    assert refused(finalize(client, made, hand_csr(extensions=(alternative_names(dns(b"192.0.2.7")),)))) == (
        400,
        "badCSR",
    )


def test_ip_in_cn_is_a_name_like_any_other(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "192.0.2.7")
    csr = hand_csr(
        subject=(attribute(0x0C, b"192.0.2.7"),),
        extensions=(alternative_names(der(0x87, b"\xc0\x00\x02\x07")),),
    )
    assert finalize(client, made, csr).json()["status"] == "valid"


def test_ip_in_cn_that_was_not_ordered_is_bad_csr(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, "a.localhost")
    reply = finalize(client, made, make_csr("a.localhost", common_name="192.0.2.7"))
    assert (refused(reply), "192.0.2.7" in reply.json()["detail"]) == ((400, "badCSR"), True)


def test_addresses_are_proved_to_the_authority(stack: AcmeStack, client: AcmeClient) -> None:
    finalize(client, ready(stack, client, "192.0.2.7"), csr_for("192.0.2.7"))
    [asked] = stack.authority.asked
    assert [(proof.name.kind, proof.name.value, proof.method) for proof in asked.proofs] == [
        ("ip", "192.0.2.7", "http-01")
    ]


# ---------------------------------------------------------------- what the authority is asked


def test_order_profile_and_validity_are_those_of_the_certificate(stack: AcmeStack) -> None:
    stack.add_directory("two", rules=DirectoryRules(further_profiles=("client",)))
    client = stack.account(f"{URL}/acme/two/directory")
    start, end = stack.clock.now().replace(microsecond=0) + HOUR, stack.clock.now() + 3 * DAY
    made = ready(stack, client, NAME, profile="client", notBefore=text(start), notAfter=text(end))
    finalize(client, made)
    [asked] = stack.authority.asked
    assert (asked.profile, asked.not_before, asked.not_after) == ("client", start, end.replace(microsecond=0))


def test_a_profile_that_the_directory_gave_up_is_invalid_profile(stack: AcmeStack) -> None:
    stack.add_directory("two", rules=DirectoryRules(further_profiles=("client",)))
    client = stack.account(f"{URL}/acme/two/directory")
    made = ready(stack, client, NAME, profile="client")
    changes = UpdateDirectory(project="one", slug="two", changes=DirectoryChanges(further_profiles=()))
    stack.runner.run(stack.gate.perform(make_caller(), changes, RequestContext("req_0")))
    assert refused(finalize(client, made)) == (400, "invalidProfile")


# ---------------------------------------------------------------- CAA, looked at again


@pytest.fixture
def careful(stack: AcmeStack) -> AcmeClient:
    """Return an account of a directory that obeys CAA."""
    stack.add_directory("careful", rules=DirectoryRules(caa=CaaMode.ENFORCE, caa_identities=("ca.example",)))
    return stack.account(f"{URL}/acme/careful/directory")


FORBIDDEN = (CaaRecord(0, "issue", b";"),)


def test_caa_again_at_finalize_if_older_than_8_h(stack: AcmeStack, careful: AcmeClient) -> None:
    made = ready(stack, careful, NAME)
    stack.world.authorities[NAME] = FORBIDDEN
    stack.clock.advance(8 * HOUR + timedelta(seconds=1))
    reply = finalize(careful, made)
    assert (refused(reply), NAME in reply.json()["detail"]) == ((403, "caa"), True)


def test_caa_that_forbids_at_finalize_leaves_the_order_ready(stack: AcmeStack, careful: AcmeClient) -> None:
    made = ready(stack, careful, NAME)
    stack.world.authorities[NAME] = FORBIDDEN
    stack.clock.advance(9 * HOUR)
    finalize(careful, made)
    assert careful.post(location(made)).json()["status"] == "ready"
    del stack.world.authorities[NAME]
    assert finalize(careful, made).json()["status"] == "valid"


def test_caa_is_not_asked_again_within_8_h(stack: AcmeStack, careful: AcmeClient) -> None:
    made = ready(stack, careful, NAME)
    stack.world.authorities[NAME] = FORBIDDEN
    stack.clock.advance(8 * HOUR)
    assert finalize(careful, made).json()["status"] == "valid"


def test_caa_that_cannot_be_asked_at_finalize_refuses(stack: AcmeStack, careful: AcmeClient) -> None:
    made = ready(stack, careful, NAME)
    stack.world.authorities[NAME] = EgressError("No name server answered.")
    stack.clock.advance(9 * HOUR)
    assert finalize(careful, made).problem == "caa"


def test_caa_is_never_asked_where_it_is_off(stack: AcmeStack, client: AcmeClient) -> None:
    made = ready(stack, client, NAME)
    stack.world.authorities[NAME] = FORBIDDEN
    stack.clock.advance(9 * HOUR)
    assert finalize(client, made).json()["status"] == "valid"


# ---------------------------------------------------------------- the download


def test_certificate_leaf_first_then_chain_as_pem_certificate_chain(
    stack: AcmeStack, client: AcmeClient
) -> None:
    done = finalize(client, ready(stack, client, NAME))
    chain = client.post(done.json()["certificate"])
    assert chain.header("content-type") == "application/pem-certificate-chain"
    leaf = issued(stack).public_bytes(serialization.Encoding.PEM)
    assert (chain.body.startswith(leaf), chain.body.count(b"BEGIN CERTIFICATE")) == (True, 2)


def test_only_the_owner_may_download(stack: AcmeStack, client: AcmeClient) -> None:
    done = finalize(client, ready(stack, client, NAME))
    url = done.json()["certificate"]
    assert (stack.account().post(url).status, client.post(url).status) == (404, 200)


def test_a_certificate_is_only_read(stack: AcmeStack, client: AcmeClient) -> None:
    done = finalize(client, ready(stack, client, NAME))
    assert refused(client.post(done.json()["certificate"], {})) == (400, "malformed")


def test_there_is_one_chain_and_no_link_to_another(stack: AcmeStack, client: AcmeClient) -> None:
    done = finalize(client, ready(stack, client, NAME))
    reply = client.post(done.json()["certificate"])
    assert alternates(reply) == []
    assert client.post(f"{done.json()['certificate']}/1").status == 404


def alternates(reply: Reply) -> list[str]:
    """Return where an answer says that other chains are."""
    marked = [link.partition(";") for link in reply.headers["link"]]
    return [target.strip("<>") for target, _, relation in marked if relation == 'rel="alternate"']


def test_each_chain_links_to_all_others(stack: AcmeStack, client: AcmeClient) -> None:
    stack.authority.alternates = (("FIRST\n",), ("SECOND\n", "ABOVE\n"))
    url = finalize(client, ready(stack, client, NAME)).json()["certificate"]
    urls = [url, f"{url}/1", f"{url}/2"]
    for own in urls:
        assert alternates(client.post(own)) == [other for other in urls if other != own]


def test_an_alternate_is_the_certificate_with_another_chain(stack: AcmeStack, client: AcmeClient) -> None:
    stack.authority.alternates = (("FIRST\n",), ("SECOND\n", "ABOVE\n"))
    url = finalize(client, ready(stack, client, NAME)).json()["certificate"]
    leaf = issued(stack).public_bytes(serialization.Encoding.PEM)
    reply = client.post(f"{url}/2")
    assert reply.body == leaf + b"SECOND\nABOVE\n"
    assert reply.header("content-type") == "application/pem-certificate-chain"


@pytest.mark.parametrize("number", ["0", "3", "01", "-1", "x"])
def test_there_is_no_chain_beyond_those(stack: AcmeStack, client: AcmeClient, number: str) -> None:
    stack.authority.alternates = (("FIRST\n",), ("SECOND\n",))
    url = finalize(client, ready(stack, client, NAME)).json()["certificate"]
    assert refused(client.post(f"{url}/{number}")) == (404, "malformed")


def test_nobody_else_downloads_another_chain(stack: AcmeStack, client: AcmeClient) -> None:
    stack.authority.alternates = (("FIRST\n",),)
    url = finalize(client, ready(stack, client, NAME)).json()["certificate"]
    assert stack.account().post(f"{url}/1").status == 404
