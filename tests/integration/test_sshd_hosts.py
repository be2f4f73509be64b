"""A real ssh trusts a host by its certificate from our authority, and by no other."""

from collections.abc import Callable, Iterator

import pytest

from ssh_ca.certificates import CertificateType
from ssh_ca.operations import CreateSshAuthority, RetireSshAuthority, SwitchSshAuthority
from ssh_ca.revocation_list import RevocationList, RevokedCertificates, encode_revocation_list
from tests.support.databases import SqliteTemplate
from tests.support.ssh_authority import HOUR
from tests.support.sshd import HOST
from tests.support.sshd_world import SshdWorld, Visit, running_sshd_world

NOT_LISTED = "Certificate invalid: name is not a listed principal"
NOT_KNOWN = "No ED25519 host key is known for"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[SshdWorld]:
    """One sshd for all tests here; it shows the host certificate that is in its file."""
    with running_sshd_world(tmp_path_factory.mktemp("sshd"), sqlite_template) as running:
        yield running


@pytest.fixture
def sshd(world: SshdWorld) -> SshdWorld:
    """The same, with its files as they were."""
    world.renew()
    return world


def shown(sshd: SshdWorld, certificate: str, *options: str) -> Visit:
    """Return how a login goes to a host that shows this certificate, which it does without a reload."""
    sshd.write("host-cert.pub", f"{certificate}\n")
    return sshd.visit(sshd.certify(), "id", *options)


def host_key(sshd: SshdWorld) -> str:
    return (sshd.folder / "host.pub").read_text()


def certified(sshd: SshdWorld, *names: str) -> str:
    return sshd.certify(*names, profile="host", public_key=host_key(sshd))


def forged(sshd: SshdWorld, authority: str = "ssh-host", **changes: object) -> str:
    fields = {"type": CertificateType.HOST, "principals": (HOST,), **changes}
    return sshd.authority.forge(authority, host_key(sshd), **fields)


def expired(sshd: SshdWorld) -> str:
    now = sshd.authority.ground.clock.now().replace(microsecond=0)
    return forged(sshd, valid_after=now - 2 * HOUR, valid_before=now - HOUR)


def test_a_host_is_trusted_by_any_of_its_names(sshd: SshdWorld) -> None:
    certificate = certified(sshd, "web.example", HOST)
    assert shown(sshd, certificate).is_admitted
    # An alias is looked up in known_hosts as well.
    sshd.write("known_hosts", (sshd.folder / "known_hosts").read_text().replace(HOST, "*.example"))
    assert shown(sshd, certificate, "-o", "HostKeyAlias=web.example").is_admitted


REFUSED: dict[str, tuple[Callable[[SshdWorld], str], str]] = {
    "expired": (expired, "Certificate invalid: expired"),
    "another name": (lambda sshd: certified(sshd, "other.example"), NOT_LISTED),
    "an authority for users": (lambda sshd: forged(sshd, "ssh-user"), NOT_KNOWN),
    "a star, which we never sign": (lambda sshd: forged(sshd, principals=("127.0.0.*",)), NOT_LISTED),
    "a user's certificate": (lambda sshd: forged(sshd, type=CertificateType.USER), "Certificate invalid"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_host_that_shows_anything_else_is_not_trusted(
    sshd: SshdWorld, make: Callable[[SshdWorld], str], words: str
) -> None:
    visit = shown(sshd, make(sshd))
    assert visit.ssh.returncode == 255
    assert words in visit.ssh.stderr
    assert "Accepted" not in visit.log


def test_an_alias_that_is_no_principal_is_not_trusted(sshd: SshdWorld) -> None:
    sshd.write("known_hosts", (sshd.folder / "known_hosts").read_text().replace(HOST, "*"))
    visit = shown(sshd, certified(sshd, HOST), "-o", "HostKeyAlias=web.example")
    assert NOT_LISTED in visit.ssh.stderr


def test_a_host_without_names_is_what_we_never_sign_because_older_clients_trust_it(sshd: SshdWorld) -> None:
    """Measured with OpenSSH before 10.3; a newer one refuses, and either way it is not one of ours."""
    visit = shown(sshd, forged(sshd, principals=()))
    assert visit.is_admitted or "Certificate invalid" in visit.ssh.stderr


@pytest.mark.parametrize(
    ("pattern", "is_trusted"),
    [(HOST, True), ("[127.0.0.1]:PORT", True), ("127.0.0.*", True), ("*.example.com", False)],
)
def test_a_line_of_known_hosts_speaks_of_the_hosts_it_names(
    sshd: SshdWorld, pattern: str, *, is_trusted: bool
) -> None:
    [key] = sshd.authority.authority_keys("host").splitlines()
    sshd.write("known_hosts", f"@cert-authority {pattern.replace('PORT', str(sshd.port))} {key}\n")
    visit = sshd.visit(sshd.certify())
    assert visit.is_admitted is is_trusted
    assert (NOT_KNOWN in visit.ssh.stderr) is not is_trusted


def test_an_authority_that_known_hosts_revokes_is_trusted_for_nothing(sshd: SshdWorld) -> None:
    [key] = sshd.authority.authority_keys("host").splitlines()
    with (sshd.folder / "known_hosts").open("a") as file:
        file.write(f"@revoked * {key}\n")
    assert "REVOKED HOST KEY DETECTED" in sshd.visit(sshd.certify()).ssh.stderr


@pytest.mark.parametrize("what", ["number", "authority"])
def test_a_client_obeys_a_revocation_list_too(sshd: SshdWorld, what: str) -> None:
    issued = sshd.authority.issue("host", host_key(sshd), [HOST])
    authority, number = sshd.authority.key_of("ssh-host"), issued.serial_number
    revoked = RevokedCertificates(authority_key=authority, runs=((number, number),))
    content = RevocationList(
        version=2,
        generated_at=0,
        certificates=(revoked,) if what == "number" else (),
        keys=(authority,) if what == "authority" else (),
    )
    sshd.write("revoked-hosts", encode_revocation_list(content))
    options = ("-o", f"RevokedHostKeys={sshd.folder / 'revoked-hosts'}")
    assert "revoked" in shown(sshd, issued.certificate, *options).ssh.stderr
    good = certified(sshd, HOST)
    assert shown(sshd, good, *options).is_admitted is (what == "number")


def test_a_rotated_host_authority_is_trusted_beside_the_former(sshd: SshdWorld) -> None:
    """known_hosts has a line for each published key, so that old and new certificates are both good."""
    authority = sshd.authority
    former = certified(sshd, HOST)
    authority.perform(
        CreateSshAuthority(project="default", name="next", type=CertificateType.HOST, succeeds="ssh-host")
    )
    authority.perform(SwitchSshAuthority(project="default", name="ssh-host", to="next"))
    keys = authority.authority_keys("host").splitlines()
    sshd.write("known_hosts", "".join(f"@cert-authority * {key}\n" for key in keys))
    try:
        successor = authority.issue("host", host_key(sshd), [HOST])
        assert successor.authority == "next"
        assert [shown(sshd, each).is_admitted for each in (former, successor.certificate)] == [True, True]
    finally:
        authority.perform(SwitchSshAuthority(project="default", name="next", to="ssh-host"))
        authority.perform(RetireSshAuthority(project="default", name="next", drops_valid=True))
