"""asyncssh, which is no OpenSSH, trusts our certificates at both ends, and refuses the same ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncssh
import pytest

from ssh_ca.certificates import CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.public_keys import parse_public_key
from ssh_ca.signatures import public_key_line
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import make_content, make_signer

HOST = "127.0.0.1"
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)
USERS, USER_KEY = make_signer()
HOSTS, HOST_KEY = make_signer()

Pair = tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]


def pair(kind: CertificateType, **changes: Any) -> Pair:
    """Return a fresh key with our certificate over it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    line = key.export_public_key().decode().strip()
    signer, authority = (USERS, USER_KEY) if kind is CertificateType.USER else (HOSTS, HOST_KEY)
    content = make_content(
        parse_public_key(line),
        FakeClock(NOW),
        **{"type": kind, "critical_options": {}, "extensions": {}, **changes},
    )
    certificate = certificate_line(sign_certificate(content, signer, authority, bytes(32)))
    return key, asyncssh.import_certificate(certificate)


class Silent(asyncssh.SSHServer):
    """Authenticates, and does nothing else."""


@asynccontextmanager
async def connected(
    user: Pair, host: Pair, trusted: bytes = HOST_KEY
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Connect as `alice`, who is let in as the principal `ops`."""
    keys = f'cert-authority,principals="ops" {public_key_line(USER_KEY, "users")}\n'
    server = await asyncssh.create_server(
        Silent,
        HOST,
        0,
        server_host_keys=[host],
        authorized_client_keys=asyncssh.import_authorized_keys(keys),
    )
    async with server:
        [listener] = server.sockets
        known_hosts = asyncssh.import_known_hosts(f"@cert-authority * {public_key_line(trusted, 'hosts')}\n")
        async with asyncssh.connect(
            HOST,
            listener.getsockname()[1],
            config=None,
            username="alice",
            agent_path=None,
            client_keys=[user],
            known_hosts=known_hosts,
        ) as connection:
            yield connection


def good_host() -> Pair:
    return pair(CertificateType.HOST, principals=(HOST,))


async def test_a_client_and_a_server_trust_our_certificates() -> None:
    async with connected(pair(CertificateType.USER, principals=("dev", "ops")), good_host()) as connection:
        assert connection.get_extra_info("username") == "alice"


@pytest.mark.parametrize(
    "changes",
    [
        {"principals": ("dev",)},
        {"principals": ("alice",)},
        {"valid_after": NOW - 2 * HOUR, "valid_before": NOW - HOUR},
        {"critical_options": {"source-address": "10.0.0.0/8"}},
    ],
    ids=["another principal", "the account's name", "expired", "another network"],
)
async def test_a_server_refuses_what_does_not_fit(changes: dict[str, Any]) -> None:
    user = pair(CertificateType.USER, **{"principals": ("ops",), **changes})
    with pytest.raises(asyncssh.PermissionDenied):
        async with connected(user, good_host()):
            raise AssertionError("was let in")


async def test_a_client_trusts_no_host_of_another_authority() -> None:
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        async with connected(pair(CertificateType.USER, principals=("ops",)), good_host(), trusted=USER_KEY):
            raise AssertionError("was trusted")
