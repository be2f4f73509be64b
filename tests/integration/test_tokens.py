"""Keys on a token and ML-DSA keys, by the page that tells of them: two workers, SoftHSM, openssl, status."""

import re
from collections.abc import Iterator

import pytest
from cryptography import x509

from tests.support.command_line import ROOT
from tests.support.newcomer import Newcomer
from tests.support.server import Server, running_server
from tests.support.softhsm import LIBRARY, SoftToken

PAGE = (ROOT / "docs" / "howto" / "pkcs11.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    return SoftToken(tmp_path_factory.mktemp("softhsm"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, token: SoftToken) -> Iterator[Server]:
    """Two workers, each with sessions of its own."""
    settings = {
        "SOFTHSM2_CONF": str(token.configuration),
        "KEYWRIGHT__CUSTODY__PKCS11__HSM__LIBRARY": LIBRARY,
        "KEYWRIGHT__CUSTODY__PKCS11__HSM__TOKEN_LABEL": token.settings.token_label,
        "KEYWRIGHT__CUSTODY__PKCS11__HSM__PIN_FILE": str(token.pin_file),
    }
    with running_server(tmp_path_factory.mktemp("tokens"), env=settings, args=("--workers", "2")) as running:
        yield running


@pytest.fixture(scope="module")
def reader(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    newcomer = Newcomer(server, tmp_path_factory.mktemp("reader"))
    newcomer.environment |= {"CA": str(server.ca_file), "PATH": f"{ROOT}/.venv/bin:/usr/bin:/bin"}
    return newcomer


def section(first: str) -> str:
    """Return the block of the page that begins so."""
    (found,) = (block for kind, block in _BLOCKS if not kind and block.startswith(first))
    return str(found)


@pytest.fixture(scope="module")
def made(reader: Newcomer) -> str:
    """What the reader saw who made an authority on the token."""
    return reader.types(section("keywright pki authority create issuing-hsm"))


def test_given_the_page_then_openssl_verifies_what_an_authority_on_a_token_issued(made: str) -> None:
    assert "on-hsm/certificate.pem: OK" in made


def test_given_the_page_then_its_token_is_set_up(reader: Newcomer) -> None:
    assert "initialized" in reader.types(section("install -d tokens"))
    assert (reader.folder / "hsm-pin").stat().st_mode & 0o077 == 0


def test_given_the_page_then_a_chain_of_lattice_keys_verifies(reader: Newcomer) -> None:
    reader.types(section("keywright pki authority create lattice-root"))
    files = ("lattice/certificate.pem", "lattice/chain.pem", "lattice-root.pem")
    leaf, below, root = (
        x509.load_pem_x509_certificate((reader.folder / file).read_bytes()) for file in files
    )
    leaf.verify_directly_issued_by(below)
    below.verify_directly_issued_by(root)


def test_both_workers_issue_from_the_token(made: str, server: Server) -> None:
    del made
    path = "/v1/projects/default/x509/certificates"
    bodies = [{"profile": "on-hsm", "dns_names": [f"a{number}.example.com"]} for number in range(12)]
    assert {server.post(path, body).status for body in bodies} == {201}


def test_while_the_token_is_away_nothing_is_issued_and_status_says_so(
    made: str, server: Server, reader: Newcomer, token: SoftToken
) -> None:
    del made
    body = {"profile": "on-hsm", "dns_names": ["b.example.com"]}
    path = "/v1/projects/default/x509/certificates"
    token.take_away()
    refused = [server.post(path, body) for _ in range(4)]
    said = reader.types("keywright status")
    token.bring_back()
    assert {answer.status for answer in refused} == {503}
    assert "key store hsm" in refused[0].json()["detail"]
    assert "not kept: The key store hsm does not answer" in said
    assert {server.post(path, body).status for _ in range(4)} == {201}
