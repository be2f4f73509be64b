"""The door of dynamic secrets and leases: status, members and headers as the contract says."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from ca_service.database.port import Database
from tests.support.dynamic_ground import DynamicGround
from tests.support.fakes.dynamic import CONFIG, NAME
from tests.support.fakes.kernel import FakeClock

SECRETS = "environments/dev/dynamic-secrets"
LEASES = f"{SECRETS}/app/leases?path=/db"
BODY = {
    "name": "app",
    "path": "/db",
    "provider": NAME,
    "config": CONFIG,
    "default_ttl": "30m",
    "max_ttl": "2h",
}


@pytest.fixture
def ground(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> DynamicGround:
    return runner.run(DynamicGround(sqlite_database, clock).start())


async def ask(ground: DynamicGround, method: str, path: str, value: Any = None, *, key: str = "") -> Any:
    """Return the status and the body of an answer."""
    answered = await ground.call(method, path, value, key=key)
    return answered.status, json.loads(answered.body) if answered.body else None


async def test_a_dynamic_secret_over_its_life(ground: DynamicGround) -> None:
    status, made = await ask(ground, "POST", SECRETS, BODY)
    assert (status, made["config"], made["environment"]) == (201, {"host": "db.test"}, "dev")
    assert (made["default_ttl"], made["max_ttl"]) == (1800, 7200)
    assert await ask(ground, "GET", f"{SECRETS}/app?path=/db") == (200, made)
    assert (await ask(ground, "GET", f"{SECRETS}?path=/db"))[1]["items"] == [made]
    assert (await ask(ground, "GET", SECRETS))[1] == {"items": [], "next_cursor": None}
    status, changed = await ask(ground, "PATCH", f"{SECRETS}/app?path=/db", {"default_ttl": "45m"})
    assert (status, changed["default_ttl"], changed["version"]) == (200, 2700, 2)
    await ask(ground, "POST", LEASES)
    status, problem = await ask(ground, "DELETE", f"{SECRETS}/app?path=/db")
    assert (status, problem["rule"]) == (409, "live-leases")
    assert await ask(ground, "DELETE", f"{SECRETS}/app?path=/db&revoke=true") == (204, None)
    assert (await ask(ground, "GET", f"{SECRETS}/app?path=/db"))[0] == 404


async def test_a_lease_over_its_life(ground: DynamicGround, clock: FakeClock) -> None:
    await ask(ground, "POST", SECRETS, BODY)
    answered = await ground.call("POST", LEASES, {"ttl": "1h"})
    given = json.loads(answered.body)
    lease = f"leases/{given['lease_id']}"
    assert answered.status == 201
    assert answered.headers["location"] == f"/v1/projects/default/{lease}"
    assert answered.headers["cache-control"] == "no-store"
    assert list(given["data"]) == ["username", "password", "host", "port", "database"]
    assert (given["ttl"], given["status"], given["dynamic_secret"]) == (3600, "active", "app")
    assert given["expires_at"] == "2026-01-02T04:04:05Z"
    assert given["max_expires_at"] == "2026-01-02T05:04:05Z"

    status, read = await ask(ground, "GET", lease)
    assert (status, read["username"], read["reason"]) == (200, given["data"]["username"], None)
    assert given["data"]["password"] not in json.dumps(read)
    status, renewed = await ask(ground, "POST", f"{lease}/renew", {"ttl": 7200})
    assert (status, renewed["expires_at"]) == (200, given["max_expires_at"])
    status, revoked = await ask(ground, "POST", f"{lease}/revoke")
    assert (status, revoked["status"], revoked["end_reason"]) == (200, "revoked", "revoked")
    assert (await ask(ground, "POST", f"{lease}/revoke")) == (200, revoked)
    assert (await ask(ground, "POST", f"{lease}/renew"))[0] == 409


async def test_a_lease_of_a_target_that_is_down(ground: DynamicGround, clock: FakeClock) -> None:
    await ask(ground, "POST", SECRETS, BODY)
    _, given = await ask(ground, "POST", LEASES)
    lease = f"leases/{given['lease_id']}"
    ground.target.is_down = True
    answered = await ground.call("POST", LEASES)
    assert (answered.status, "retry-after" in answered.headers) == (503, True)
    status, revoking = await ask(ground, "POST", f"{lease}/revoke")
    assert (status, revoking["status"], revoking["reason"]) == (
        200,
        "revoking",
        "The target refused the connection.",
    )
    clock.advance(timedelta(hours=1))
    status, late = await ask(ground, "GET", "leases?status=overdue&dynamic_secret=app")
    assert [each["is_overdue"] for each in late["items"]] == [True, True]
    status, abandoned = await ask(ground, "POST", f"{lease}/abandon", {"reason": "burned"})
    assert (status, abandoned["status"], abandoned["note"]) == (200, "abandoned", "burned")
    assert [
        each["lease_id"] for each in (await ask(ground, "GET", "leases?status=abandoned"))[1]["items"]
    ] == [given["lease_id"]]


async def test_a_request_that_is_sent_again_gives_one_account(ground: DynamicGround) -> None:
    await ask(ground, "POST", SECRETS, BODY)
    first = await ask(ground, "POST", LEASES, {"ttl": "1h"}, key="once")
    assert await ask(ground, "POST", LEASES, {"ttl": "1h"}, key="once") == first
    assert len(ground.accounts()) == 1
    assert (await ask(ground, "POST", LEASES, {"ttl": "2h"}, key="once"))[1][
        "rule"
    ] == "idempotency-key-reused"


async def test_what_cannot_be_read_is_refused_by_its_field(ground: DynamicGround) -> None:
    await ask(ground, "POST", SECRETS, BODY)
    for method, path, body, refused in (
        ("POST", SECRETS, {**BODY, "extra": 1}, (400, "extra")),
        ("POST", SECRETS, {**BODY, "config": []}, (400, "config")),
        ("POST", SECRETS, {**BODY, "provider": "oracle"}, (422, "provider")),
        ("POST", SECRETS, {**BODY, "name": "b", "max_ttl": "soon"}, (400, "max_ttl")),
        ("POST", SECRETS, {**BODY, "name": "b", "max_ttl": -1}, (422, "max_ttl")),
        ("POST", SECRETS.replace("dev", "none"), BODY, (404, None)),
        ("POST", LEASES, {"ttl": "3h"}, (422, "ttl")),
        ("POST", LEASES, {"ttl": 0}, (422, "ttl")),
        ("POST", LEASES.replace("app", "none"), {}, (404, None)),
        ("GET", "leases?status=gone", None, (400, "status")),
        ("GET", "leases?limit=0", None, (400, "limit")),
        ("GET", "leases/lse_none", None, (404, None)),
        ("POST", "leases/lse_none/revoke", None, (404, None)),
        ("POST", "leases/lse_none/abandon", {"reason": ""}, (400, "reason")),
        ("DELETE", f"{SECRETS}/app?path=/db&revoke=yes", None, (400, "revoke")),
        ("POST", f"{SECRETS}/app/reconcile?path=/db", {"drop": "yes"}, (400, "drop")),
    ):
        status, problem = await ask(ground, method, path, body)
        assert (status, problem.get("field")) == refused, f"{method} {path} {body}: {problem}"
