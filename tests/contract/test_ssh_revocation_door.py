"""The door of revocation: what is published for everyone, and in which ways certificates are named."""

import asyncio
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.kernel.errors import MalformedError
from ssh_ca.errors import SelectorRefusedError
from ssh_ca.http import PROJECT_ROUTES, public_routes
from ssh_ca.http.revocation_bodies import RevokeBody, parse_selector
from ssh_ca.operations import (
    ByAuthority,
    ByIdentity,
    ByKeyId,
    ByPublicKey,
    BySerialNumber,
    RevokeSshCertificates,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.ssh_ground import SshGround
from tests.support.web import Answered, InProcess, _exchange


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> SshGround:
    return runner.run(SshGround(database, clock).start())


async def revoke(ground: SshGround, selector: Any) -> None:
    await ground.perform(RevokeSshCertificates(project="default", selector=selector))


class Site:
    """The public routes of the SSH authority on both listeners, called on the loop of the test."""

    def __init__(self, runner: asyncio.Runner, ground: SshGround) -> None:
        routes = [*PROJECT_ROUTES, *public_routes(ground.artefacts)]
        gate: Any = ground.gate
        self._runner = runner
        self._fronts = {
            name: InProcess(routes, gate=gate, plain=name == "plain").front for name in ("tls", "plain")
        }

    def get(self, listener: str, path: str, *, method: str = "GET", **headers: str) -> Answered:
        raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": ("192.0.2.7", 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [*raw, (b"host", b"ca.example")],
            "state": {},
        }
        return self._runner.run(_exchange(self._fronts[listener], scope, [b""]))


@pytest.fixture
def site(runner: asyncio.Runner, ground: SshGround) -> Site:
    return Site(runner, ground)


@pytest.mark.parametrize("listener", ["tls", "plain"])
def test_the_list_is_for_everyone_with_what_a_cache_needs(
    site: Site, ground: SshGround, runner: asyncio.Runner, listener: str
) -> None:
    answered = site.get(listener, "/ssh/default/krl")
    found = runner.run(ground.artefacts.revocation_list("default"))
    assert (answered.status, answered.body) == (200, found.content)
    assert answered.headers["content-type"] == "application/octet-stream"
    assert answered.headers["etag"] == found.etag
    assert answered.headers["cache-control"] == "public, no-cache"
    assert parsedate_to_datetime(answered.headers["last-modified"]) == found.last_modified.replace(
        microsecond=0
    )


@pytest.mark.parametrize("listener", ["tls", "plain"])
def test_the_signature_is_for_everyone_and_of_the_same_publication(site: Site, listener: str) -> None:
    content, signature = site.get(listener, "/ssh/default/krl"), site.get(listener, "/ssh/default/krl.sig")
    assert signature.body.startswith(b"-----BEGIN SSH SIGNATURE-----\n")
    assert signature.headers["etag"] == content.headers["etag"]


@pytest.mark.parametrize("path", ["/ssh/default/krl", "/ssh/default/krl.sig"])
def test_who_has_the_list_is_told_so_until_something_is_revoked(
    site: Site, ground: SshGround, runner: asyncio.Runner, path: str
) -> None:
    etag = site.get("tls", path).headers["etag"]
    same = site.get("tls", path, if_none_match=f'W/{etag}, "other"')
    runner.run(revoke(ground, BySerialNumber(500, "ssh-user")))
    other = site.get("tls", path, if_none_match=etag)
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    assert (other.status, other.headers["etag"] != etag) == (200, True)


def test_a_date_alone_hides_no_revocation_of_the_same_second(site: Site) -> None:
    date = site.get("tls", "/ssh/default/krl").headers["last-modified"]
    assert site.get("tls", "/ssh/default/krl", if_modified_since=date).status == 200


@pytest.mark.parametrize("path", ["/ssh/none/krl", "/ssh/two/krl", "/ssh/two/krl.sig"])
def test_where_there_is_no_authority_there_is_no_list(site: Site, path: str) -> None:
    assert site.get("tls", path).status == 404


def test_without_an_authority_that_signs_there_is_no_signature(
    site: Site, ground: SshGround, runner: asyncio.Runner
) -> None:
    for name in ("ssh-user", "ssh-host"):
        runner.run(revoke(ground, ByAuthority(name)))
    assert site.get("tls", "/ssh/default/krl").status == 200
    assert site.get("tls", "/ssh/default/krl.sig").status == 404


BODIES: dict[str, tuple[dict[str, Any], Any]] = {
    "a number": ({"serial_number": "7", "authority": "ssh-user"}, BySerialNumber(7, "ssh-user")),
    "an authority": ({"authority": "ssh-user", "everything": True}, ByAuthority("ssh-user")),
    "a key id": ({"key_id": "alice"}, ByKeyId("alice")),
    "a key id for good": ({"key_id": "alice", "for_good": True}, ByKeyId("alice", for_good=True)),
    "a key": ({"public_key": "ssh-ed25519 A"}, ByPublicKey("ssh-ed25519 A")),
    "an identity": ({"identity": "idn_1"}, ByIdentity('Identity::"idn_1"')),
    "a user": ({"identity": "usr_1"}, ByIdentity('User::"usr_1"')),
}


@pytest.mark.parametrize(("body", "selector"), BODIES.values(), ids=BODIES.keys())
def test_a_revocation_names_certificates_in_one_way(body: dict[str, Any], selector: Any) -> None:
    assert parse_selector(RevokeBody(**body)) == selector


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"serial_number": "7"},
        {"for_good": True},
        {"everything": True},
        {"authority": "a"},
        {"serial_number": "7", "authority": "a", "everything": True},
        {"key_id": "a", "everything": True},
        {"authority": "a", "key_id": "b"},
        {"serial_number": "7", "authority": "a", "identity": "idn_1"},
        {"serial_number": "7", "key_id": "b"},
        {"key_id": "a", "public_key": "b"},
        {"public_key": "b", "identity": "idn_1"},
        {"authority": "a", "for_good": True},
        {"identity": "idn_1", "for_good": True},
    ],
)
def test_a_revocation_in_no_way_or_in_two_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(SelectorRefusedError):
        parse_selector(RevokeBody(**body))


@pytest.mark.parametrize("identity", ["", "alice", 'idn_"', "idn_\0", "idn_" + "a" * 65])
def test_an_identity_that_is_none_is_refused(identity: str) -> None:
    with pytest.raises(MalformedError):
        parse_selector(RevokeBody(identity=identity))
