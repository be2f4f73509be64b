"""Lists, imports and files over HTTP, with the real gate behind them."""

import asyncio
from typing import Any

import pytest

from ca_service.database.port import Database
from tests.support.fakes.kernel import FakeClock
from tests.support.vault_ground import VaultGround
from tests.support.vault_site import ALICE_MAY, VaultSite

PROJECT = "/v1/projects/default"
DEV = f"{PROJECT}/environments/dev"


@pytest.fixture
def site(runner: asyncio.Runner, database: Database, clock: FakeClock) -> VaultSite:
    return VaultSite(runner, runner.run(VaultGround(database, clock, (ALICE_MAY,)).start()))


def put(site: VaultSite, name: str, value: str, path: str = "/", **fields: Any) -> None:
    address = f"{PROJECT}/environments/{fields.pop('environment', 'dev')}/secrets/{name}?path={path}"
    assert site.call("PUT", address, {"value": value, **fields}).status == 201


def listed(site: VaultSite, query: str) -> list[tuple[str, str, str | None]]:
    answered = site.call("GET", f"{DEV}/secrets?{query}")
    assert answered.status == 200, answered.body
    return [(each["path"], each["name"], each.get("value")) for each in answered.json()["items"]]


def test_a_folder_is_listed_with_values_or_without_alone_or_with_what_is_below(site: VaultSite) -> None:
    put(site, "B", "b ${A}", "/app")
    put(site, "A", "a", "/app", tags=["t"])
    put(site, "C", "c", "/app/db")
    put(site, "OUTSIDE", "o", "/apple")

    assert listed(site, "path=/app") == [("/app", "A", "a"), ("/app", "B", "b a")]
    assert listed(site, "path=/app&expand=false")[1] == ("/app", "B", "b ${A}")
    below = [("/app", "A", None), ("/app", "B", None), ("/app/db", "C", None)]
    assert listed(site, "path=/app&recursive=true&include_values=false") == below
    assert listed(site, "path=/app&recursive=true&tag=t") == [("/app", "A", "a")]
    first = site.call("GET", f"{DEV}/secrets?path=/app&recursive=true&limit=2").json()
    rest = listed(site, f"path=/app&recursive=true&cursor={first['next_cursor']}")
    assert (len(first["items"]), rest) == (2, [("/app/db", "C", "c")])


def test_a_list_is_sent_again_only_once_it_has_changed(site: VaultSite) -> None:
    put(site, "A", "a")
    first = site.call("GET", f"{DEV}/secrets")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    unchanged = site.call("GET", f"{DEV}/secrets", if_none_match=etag)
    assert (unchanged.status, unchanged.body, unchanged.headers["etag"]) == (304, b"", etag)
    put(site, "B", "b")
    assert site.call("GET", f"{DEV}/secrets", if_none_match=etag).status == 200


def test_imports_show_what_a_folder_does_not_have_itself_the_last_one_first(site: VaultSite) -> None:
    for environment, path, name, value in (
        ("prod", "/shared", "A", "shared a"),
        ("prod", "/shared", "B", "shared b"),
        ("dev", "/common", "B", "common b"),
        ("dev", "/app", "A", "own a"),
    ):
        put(site, name, value, path, environment=environment)
    imports = f"{DEV}/imports?path=/app"
    made = site.call("POST", imports, {"environment": "prod", "path": "/shared"})
    assert (made.status, made.json()["position"]) == (201, 0)
    assert [each[1:] for each in listed(site, "path=/app")] == [("A", "own a"), ("B", "shared b")]
    assert site.call("POST", imports, {"environment": "dev", "path": "/common"}).status == 201
    items = site.call("GET", f"{DEV}/secrets?path=/app").json()["items"]
    assert [(each["value"], each["imported"]) for each in items] == [("own a", False), ("common b", True)]
    assert [each[1] for each in listed(site, "path=/app&imports=false")] == ["A"]
    put(site, "REF", "see ${B}", "/app")
    assert site.call("GET", f"{DEV}/secrets/REF?path=/app").json()["value"] == "see common b"

    assert site.call("POST", imports, {"environment": "dev", "path": "/common"}).status == 409
    assert site.call("POST", imports, {"environment": "dev", "path": "/app"}).status == 422
    told = site.call("GET", imports).json()["items"]
    assert [(each["environment"], each["path"]) for each in told] == [("prod", "/shared"), ("dev", "/common")]
    assert site.call("DELETE", f"{DEV}/imports/{told[1]['id']}").status == 204
    assert site.call("DELETE", f"{DEV}/imports/{told[1]['id']}").status == 404
    assert site.call("GET", f"{DEV}/secrets/REF?path=/app").json()["value"] == "see shared b"
    assert site.call("DELETE", f"{DEV}/folders?path=/app&recursive=true").status == 204
    put(site, "NEW", "n", "/app")
    assert site.call("GET", imports).json()["items"] == []


@pytest.mark.parametrize(
    ("format_", "content"),
    [
        ("env", "A=1\nB='two words'\n"),
        ("json", '{"A": 1, "B": "two words"}'),
        ("yaml", "A: 1\nB: two words\n"),
    ],
)
def test_a_file_is_written_as_one_commit(site: VaultSite, format_: str, content: str) -> None:
    put(site, "OLD", "old", "/app")
    files = f"{DEV}/secret-files?path=/app"
    made = site.call("POST", files, {"format": format_, "content": content, "message": "all of it"})
    assert (made.status, [each["name"] for each in made.json()["changes"]]) == (201, ["A", "B"])
    assert [each[1:] for each in listed(site, "path=/app")] == [
        ("A", "1"),
        ("B", "two words"),
        ("OLD", "old"),
    ]
    asked = {"format": format_, "content": content}
    assert site.call("POST", files, {**asked, "mode": "create"}).status == 412
    replaced = site.call("POST", files, {**asked, "mode": "replace"}).json()
    assert [each["action"] for each in replaced["changes"]] == ["set", "set", "delete"]
    assert [each[1] for each in listed(site, "path=/app")] == ["A", "B"]
    assert site.call("POST", files, {"format": format_, "content": ""}).status in {400, 422}
