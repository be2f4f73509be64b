"""The vault's door: the contract's words over HTTP, with the real gate behind it."""

import asyncio

import pytest

from ca_service.database.port import Database
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import VaultGround
from tests.support.vault_site import ALICE_MAY, VaultSite

PROJECT = "/v1/projects/default"
DEV = f"{PROJECT}/environments/dev"
SECRET = f"{DEV}/secrets/KEY?path=/app/db"


@pytest.fixture
def site(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> VaultSite:
    return VaultSite(runner, runner.run(VaultGround(sqlite_database, clock, (ALICE_MAY,)).start()))


def test_a_secret_is_written_and_read_as_the_contract_says(site: VaultSite) -> None:
    first = site.call("PUT", SECRET, {"value": "one", "tags": ["a"], "comment": "c", "metadata": {"k": "v"}})
    second = site.call("PUT", SECRET, {"value": "two"}, if_match='"1"')
    read = site.call("GET", SECRET)

    assert (first.status, second.status, read.status) == (201, 200, 200)
    assert first.headers["location"] == SECRET
    assert [each.headers["etag"] for each in (first, second, read)] == ['"1"', '"2"', '"2"']
    written = second.json()
    told = "name path environment version created_at updated_at comment tags metadata commit"
    assert sorted(written) == sorted(told.split())
    assert read.json() == {**{k: v for k, v in written.items() if k != "commit"}, "value": "two"}
    assert (written["path"], written["environment"], written["tags"]) == ("/app/db", "dev", ["a"])
    assert read.headers["cache-control"] == "no-store"
    assert site.call("GET", f"{SECRET}&version=1").json()["value"] == "one"
    unchanged = site.call("GET", SECRET, if_none_match='"2"')
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", '"2"')


def test_check_and_set(site: VaultSite) -> None:
    assert site.call("PUT", SECRET, {"value": "x"}, if_match='"1"').status == 412
    assert site.call("PUT", SECRET, {"value": "x"}, if_none_match="*").status == 201
    refused = site.call("PUT", SECRET, {"value": "y"}, if_none_match="*")
    assert (refused.status, refused.json()["rule"]) == (412, "version")
    assert site.call("DELETE", SECRET, if_match='"2"').status == 412
    assert site.call("PATCH", SECRET, {"comment": "c"}, if_match='"1-00ff"').json()["version"] == 2
    for malformed in ("1", '"x"', '"0"', "*", '"1", "2"'):
        assert site.call("PUT", SECRET, {"value": "z"}, if_match=malformed).status == 400
    assert site.call("GET", SECRET).json()["version"] == 2


def test_the_life_of_a_secret(site: VaultSite) -> None:
    site.call("PUT", SECRET, {"value": "one"})
    site.call("PUT", SECRET, {"value": "two"})
    at = f"{DEV}/secrets/KEY"
    destroyed = site.call("POST", f"{at}/destroy?path=/app/db", {"versions": [1]})
    assert (destroyed.status, destroyed.json()["items"][0]["state"]) == (200, "destroyed")
    assert site.call("GET", f"{SECRET}&version=1").status == 409
    deleted = site.call("DELETE", SECRET)
    assert (deleted.status, deleted.body, site.call("GET", SECRET).status) == (204, b"", 404)
    assert site.call("GET", f"{SECRET}&version=2").json()["value"] == "two"
    undeleted = site.call("POST", f"{at}/undelete?path=/app/db")
    assert (undeleted.status, undeleted.headers["etag"]) == (200, '"2"')
    versions = site.call("GET", f"{at}/versions?path=/app/db&limit=1").json()
    assert [(each["version"], each["state"]) for each in versions["items"]] == [(2, "current")]
    rest = site.call("GET", f"{at}/versions?path=/app/db&cursor={versions['next_cursor']}").json()
    assert [(each["version"], each["state"]) for each in rest["items"]] == [(1, "destroyed")]


def test_commits_and_folders(site: VaultSite) -> None:
    changes = [
        {"action": "set", "environment": "dev", "path": "/app", "name": "A", "value": "a", "if_version": 0},
        {"action": "set", "environment": "prod", "name": "B", "value": "b"},
    ]
    made = site.call("POST", f"{PROJECT}/commits", {"message": "both", "changes": changes})
    commit = made.json()
    assert (made.status, commit["number"], commit["author"]) == (201, 1, "idn_alice")
    assert made.headers["location"] == f"{PROJECT}/commits/{commit['id']}"
    assert commit["changes"][0] == {
        "action": "set",
        "environment": "dev",
        "path": "/app",
        "name": "A",
        "version": 1,
    }
    assert site.call("GET", f"{PROJECT}/commits/{commit['id']}").json() == commit
    refused = site.call("POST", f"{PROJECT}/commits", {"message": "again", "changes": changes})
    assert (refused.status, refused.json()["field"]) == (412, "changes[0].if_version")
    assert site.call("GET", f"{PROJECT}/commits?environment=dev&path=/app&name=A").json()["items"] == [commit]

    folders = f"{DEV}/folders"
    assert site.call("POST", folders, {"path": "/app/x"}).status == 201
    assert site.call("DELETE", f"{folders}?path=/app").status == 409
    renamed = site.call("PATCH", f"{folders}?path=/app", {"new_name": "web"})
    assert (renamed.status, renamed.json()["path"]) == (200, "/web")
    assert [each["path"] for each in site.call("GET", folders).json()["items"]] == ["/web", "/web/x"]
    assert site.call("DELETE", f"{folders}?path=/web&recursive=true").status == 204
    assert site.call("GET", folders).json() == {"items": [], "next_cursor": None}


def test_what_cannot_be_read_or_is_too_large_is_refused_with_field_and_rule(site: VaultSite) -> None:
    put, tags = {"value": "v"}, [f"t{i}" for i in range(65)]
    deep = "/" + "/".join("x" * 21)
    table = [
        ("PUT", f"{DEV}/secrets/1KEY", put, 400, "name"),
        ("PUT", f"{DEV}/secrets/{'K' * 256}", put, 400, "name"),
        ("PUT", f"{DEV}/secrets/K%20K", put, 400, "name"),
        ("PUT", f"{DEV}/secrets/KEY?path=app", put, 400, "path"),
        ("PUT", f"{DEV}/secrets/KEY?path=/a//b", put, 400, "path"),
        ("PUT", f"{DEV}/secrets/KEY?path=/a/../b", put, 400, "path"),
        ("PUT", f"{DEV}/secrets/KEY?path={deep}", put, 400, "path"),
        ("PUT", f"{DEV}/secrets/KEY", {}, 400, "value"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": 1}, 400, "value"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v", "secret": "x"}, 400, "secret"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v", "tags": ["A"]}, 400, "tags[0]"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v", "tags": tags}, 400, "tags"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v", "comment": "c" * 4097}, 400, "comment"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v", "metadata": {"": "v"}}, 400, "metadata"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v", "metadata": {"k": "v" * 4097}}, 400, "metadata"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v", "message": "m" * 1025}, 400, "message"),
        ("PUT", f"{DEV}/secrets/KEY", {"value": "v" * (1024 * 1024 + 1)}, 413, "value"),
        ("PUT", f"{DEV}/secrets/KEY", b'{"value": "\xff"}', 400, None),
        ("PUT", f"{DEV}/secrets/KEY", b'{"value": "\\ud800"}', 400, None),
        ("PUT", f"{PROJECT}/environments/missing/secrets/KEY", put, 404, None),
        ("PATCH", f"{DEV}/secrets/KEY", {}, 400, None),
        ("GET", f"{DEV}/secrets/KEY?version=0", None, 400, "version"),
        ("GET", f"{DEV}/secrets/KEY?version={'9' * 30}", None, 400, "version"),
        ("GET", f"{DEV}/secrets/KEY?expand=maybe", None, 400, "expand"),
        ("POST", f"{DEV}/secrets/KEY/destroy", {"versions": []}, 400, "versions"),
        ("POST", f"{DEV}/secrets/KEY/destroy", {"versions": [2**63]}, 400, "versions"),
        ("GET", f"{DEV}/secrets/KEY/versions?cursor=eA", None, 400, "cursor"),
        ("POST", f"{PROJECT}/commits", {"changes": []}, 422, "changes"),
        ("POST", f"{PROJECT}/commits", {"changes": [{"action": "move"}]}, 400, None),
        ("GET", f"{PROJECT}/commits?path=/app", None, 400, "environment"),
        ("POST", f"{DEV}/folders", {"path": "/a", "description": "d" * 4097}, 400, "description"),
        ("PATCH", f"{DEV}/folders?path=/a", {}, 400, None),
        ("DELETE", f"{DEV}/folders?path=/a", None, 404, None),
    ]
    told = [
        (site.call(method, path, body), (method, path, status, field))
        for method, path, body, status, field in table
    ]
    wrong = [
        (asked, answered.status, answered.body[:200])
        for answered, asked in told
        if answered.status != asked[2] or (asked[3] is not None and answered.json().get("field") != asked[3])
    ]
    assert wrong == []
    assert site.call("GET", f"{PROJECT}/commits").json()["items"] == []
