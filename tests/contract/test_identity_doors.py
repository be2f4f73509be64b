"""The doors of identity and governance as scripts see them: addresses, bodies, status codes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ca_service.database.port import Database
from ca_service.identity.identities import TokenTerms
from tests.support.fakes.kernel import FakeClock
from tests.support.identity_site import Worker, open_site
from tests.support.web import Answered

LOGIN = "/v1/auth/universal/login"
IDENTITIES = "/v1/organizations/default/identities"


class Doors:
    """A worker behind its doors, with the administrator's token."""

    def __init__(self, worker: Worker, token: str) -> None:
        self.worker = worker
        self._token = token

    async def call(self, method: str, path: str, value: Any = None, **further: Any) -> Answered:
        return await self.worker.call(method, path, value, **{"token": self._token, **further})

    async def make_machine(self, **body: Any) -> tuple[str, str]:
        """Return client id and client secret of a new identity."""
        made = (await self.call("POST", IDENTITIES, {"name": "robot", **body})).json()
        secret = await self.call("POST", f"{IDENTITIES}/{made['id']}/client-secrets", {})
        return secret.json()["client_id"], secret.json()["client_secret"]

    async def log_in(self) -> str:
        """Return the token of a new machine."""
        client_id, client_secret = await self.make_machine()
        body = {"client_id": client_id, "client_secret": client_secret}
        return str((await self.call("POST", LOGIN, body, token=None)).json()["access_token"])


@pytest.fixture
def doors(runner: asyncio.Runner, sqlite_database: Database, clock: FakeClock) -> Doors:
    return runner.run(open_doors(sqlite_database, clock))


async def open_doors(database: Database, clock: FakeClock) -> Doors:
    worker = await open_site(database, clock)
    token = await worker.bootstrap.make_once()
    assert token is not None
    return Doors(worker, token.reveal())


async def test_logging_in_answers_a_bearer_token(doors: Doors) -> None:
    client_id, client_secret = await doors.make_machine(token_ttl="30m", token_max_ttl=7200)
    body = {"client_id": client_id, "client_secret": client_secret}
    answered = await doors.call("POST", LOGIN, body, token=None)
    token = answered.json().pop("access_token")
    assert answered.status == 200
    assert answered.json() == {
        "access_token": token,
        "expires_in": 1800,
        "max_ttl": 7200,
        "token_type": "Bearer",
    }


async def test_an_answer_with_a_token_is_not_kept_by_anyone(doors: Doors) -> None:
    client_id, client_secret = await doors.make_machine()
    body = {"client_id": client_id, "client_secret": client_secret}
    answered = await doors.call("POST", LOGIN, body, token=None)
    assert answered.headers["cache-control"] == "no-store"


async def test_a_refused_login_is_401_and_counted(doors: Doors) -> None:
    body = {"client_id": "idn_nobody", "client_secret": "guess"}
    answered = await doors.call("POST", LOGIN, body, token=None)
    await doors.worker.refusals.flush()
    counted = await doors.worker.trail(lambda one: one.entry.reason == "login-refused")
    assert (answered.status, answered.headers["www-authenticate"].split()[0]) == (401, "Bearer")
    assert [one.entry.details["method"] for one in counted] == ["universal"]


async def test_refused_logins_of_known_and_unknown_identities_answer_alike(doors: Doors) -> None:
    client_id, _ = await doors.make_machine()
    problems = []
    for name in (client_id, "idn_nobody"):
        answered = await doors.call("POST", LOGIN, {"client_id": name, "client_secret": "x"}, token=None)
        problem = answered.json()
        problem.pop("request_id")
        problems.append((answered.status, problem))
    await doors.worker.failures.settle()
    assert problems[0] == problems[1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "client_id"),
        ({"client_id": "a"}, "client_secret"),
        ({"client_id": 1, "client_secret": "b"}, "client_id"),
        ({"client_id": "a", "client_secret": "b", "more": 1}, "more"),
        ({"client_id": "a" * 300, "client_secret": "b"}, "client_id"),
    ],
)
async def test_a_malformed_login_names_the_field(doors: Doors, body: dict[str, Any], field: str) -> None:
    answered = await doors.call("POST", LOGIN, body, token=None)
    assert (answered.status, answered.json()["field"]) == (400, field)


async def test_self_tells_who_is_calling(doors: Doors) -> None:
    known = (await doors.call("GET", "/v1/auth/self")).json()
    assert (known["kind"], known["id"], known["roles"], known["expires_at"]) == (
        "identity",
        "instance-administrator",
        [{"role": "administrator", "scope": "instance"}],
        None,
    )


async def test_a_renewed_token_says_how_long_it_lives(doors: Doors) -> None:
    token = await doors.log_in()
    answered = await doors.call("POST", "/v1/auth/token/renew", {"ttl": "2h"}, token=token)
    assert (answered.status, answered.json()["expires_in"]) == (200, 7200)


async def test_a_renewal_takes_no_body_as_well(doors: Doors) -> None:
    answered = await doors.call("POST", "/v1/auth/token/renew", token=await doors.log_in())
    assert (answered.status, answered.json()["expires_in"]) == (200, 3600)


async def test_a_revoked_token_is_unauthenticated(doors: Doors) -> None:
    token = await doors.log_in()
    revoked = await doors.call("POST", "/v1/auth/token/revoke", token=token)
    after = await doors.call("GET", "/v1/auth/self", token=token)
    assert (revoked.status, after.status) == (204, 401)


async def test_without_a_token_nothing_but_the_login_answers(doors: Doors) -> None:
    answered = await doors.call("GET", "/v1/projects", token=None)
    assert (answered.status, answered.headers["www-authenticate"].split()[0]) == (401, "Bearer")


async def test_made_identities_have_an_address_where_they_are_found(doors: Doors) -> None:
    made = await doors.call("POST", IDENTITIES, {"name": "robot", "project": "default"})
    found = await doors.call("GET", made.headers["location"])
    assert (made.status, found.json()) == (201, made.json())


async def test_a_disabled_identity_shows_it(doors: Doors) -> None:
    made = (await doors.call("POST", IDENTITIES, {"name": "robot"})).json()
    changed = await doors.call("PATCH", f"{IDENTITIES}/{made['id']}", {"disabled": True})
    assert (changed.status, changed.json()["disabled"]) == (200, True)


async def test_a_deleted_identity_is_gone(doors: Doors) -> None:
    made = (await doors.call("POST", IDENTITIES, {"name": "robot"})).json()
    removed = await doors.call("DELETE", f"{IDENTITIES}/{made['id']}")
    found = await doors.call("GET", f"{IDENTITIES}/{made['id']}")
    assert (removed.status, found.status) == (204, 404)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": ""}, 400, "name"),
        ({"name": "a", "token_ttl": "soon"}, 400, "token_ttl"),
        ({"name": "a", "token_ttl": "9999d"}, 422, "token_ttl"),
        ({"name": "a", "token_ttl": "2h", "token_max_ttl": "1h"}, 422, "token_ttl"),
        ({"name": "a", "token_uses": 0}, 422, "token_uses"),
        ({"name": "a", "token_networks": ["10.0.0.1/8"]}, 400, "token_networks[0]"),
        ({"name": "a", "owner": "b"}, 400, "owner"),
    ],
)
async def test_an_identity_that_cannot_be_is_refused_by_field(
    doors: Doors, body: dict[str, Any], status: int, field: str
) -> None:
    answered = await doors.call("POST", IDENTITIES, body)
    assert (answered.status, answered.json()["field"]) == (status, field)


async def test_a_client_secret_is_shown_once(doors: Doors) -> None:
    made = (await doors.call("POST", IDENTITIES, {"name": "robot"})).json()
    secrets = f"{IDENTITIES}/{made['id']}/client-secrets"
    shown = await doors.call("POST", secrets, {"description": "ci", "uses": 3, "ttl": "1d"})
    listed = (await doors.call("GET", secrets)).json()["items"]
    assert shown.json()["client_secret"].startswith("kws_")
    assert [(one["description"], one["uses_left"], "client_secret" in one) for one in listed] == [
        ("ci", 3, False)
    ]


async def test_a_project_is_made_found_and_listed(doors: Doors) -> None:
    made = await doors.call("POST", "/v1/organizations/default/projects", {"slug": "web", "name": "Web"})
    found = await doors.call("GET", made.headers["location"])
    listed = await doors.call("GET", "/v1/projects?limit=1")
    assert (made.status, found.json()["id"]) == (201, made.json()["id"])
    assert (len(listed.json()["items"]), listed.json()["next_cursor"] is None) == (1, False)


async def test_a_slug_in_use_is_a_conflict(doors: Doors) -> None:
    answered = await doors.call("POST", "/v1/organizations/default/projects", {"slug": "default"})
    assert (answered.status, answered.json()["field"]) == (409, "slug")


async def test_a_role_is_granted_listed_and_withdrawn(doors: Doors) -> None:
    client_id, _ = await doors.make_machine()
    memberships = "/v1/projects/default/memberships"
    granted = await doors.call("POST", memberships, {"identity": client_id, "role": "viewer"})
    listed = (await doors.call("GET", memberships)).json()["items"]
    withdrawn = await doors.call("DELETE", granted.headers["location"])
    assert (granted.status, withdrawn.status) == (201, 204)
    assert [(one["identity"], one["role"]) for one in listed] == [(client_id, "viewer")]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"role": "viewer"}, 400, "identity"),
        ({"identity": "idn_x", "role": "king"}, 422, "role"),
        ({"identity": "idn_x", "role": "viewer", "expires_at": "soon"}, 400, "expires_at"),
        ({"identity": "idn_x", "role": "viewer", "expires_at": "2030-01-01T00:00:00"}, 400, "expires_at"),
        ({"identity": "idn_x", "role": "viewer", "expires_at": "2000-01-01T00:00:00Z"}, 422, "expires_at"),
    ],
)
async def test_a_role_that_cannot_be_granted_is_refused_by_field(
    doors: Doors, body: dict[str, Any], status: int, field: str
) -> None:
    answered = await doors.call("POST", "/v1/projects/default/memberships", body)
    assert (answered.status, answered.json()["field"]) == (status, field)


async def test_a_policy_is_stored_changed_and_deleted(doors: Doors) -> None:
    policies = "/v1/projects/default/policies"
    text = 'permit(principal, action == Action::"governance:read-project", resource);'
    made = await doors.call("POST", policies, {"name": "open", "text": text})
    changed = await doors.call("PATCH", made.headers["location"], {"enabled": False})
    removed = await doors.call("DELETE", made.headers["location"])
    assert (made.status, changed.json()["enabled"], removed.status) == (201, False, 204)


async def test_a_policy_that_cedar_refuses_is_unacceptable(doors: Doors) -> None:
    answered = await doors.call("POST", "/v1/projects/default/policies", {"name": "x", "text": "allow all"})
    assert (answered.status, answered.json()["field"]) == (422, "text")


async def test_a_denial_is_explained(doors: Doors) -> None:
    client_id, _ = await doors.make_machine()
    asked = {"principal": client_id, "action": "governance:read-project", "resource": 'Project::"x"'}
    answered = await doors.call("POST", "/v1/policy/explain", asked)
    assert (answered.status, answered.json()["allowed"]) == (200, False)


async def test_a_permission_is_explained_by_the_role_that_gives_it(doors: Doors) -> None:
    client_id, _ = await doors.make_machine()
    grant = {"identity": client_id, "role": "viewer"}
    scope = (await doors.call("POST", "/v1/projects/default/memberships", grant)).json()["scope"]
    asked = {
        "principal": f'Identity::"{client_id}"',
        "action": "governance:read-project",
        "resource": f'Project::"{scope}"',
        "project": "default",
    }
    explained = (await doors.call("POST", "/v1/policy/explain", asked)).json()
    assert (explained["allowed"], [one["id"] for one in explained["permits"]]) == (
        True,
        [f"role:{scope}/viewer"],
    )


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"principal": "alice"}, 400, "principal"),
        ({"action": "no:such"}, 422, "action"),
        ({"context": {"x": 1.5}}, 400, "context.x"),
        ({"context": {"ttl": "soon"}}, 400, "context.ttl"),
        ({"resource": 'Project::"other"', "project": "default"}, 422, "resource"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_by_field(
    doors: Doors, change: dict[str, Any], status: int, field: str
) -> None:
    asked = {"principal": "idn_x", "action": "governance:read-project", "resource": 'Project::"x"'}
    answered = await doors.call("POST", "/v1/policy/explain", {**asked, **change})
    assert (answered.status, answered.json()["field"]) == (status, field)


async def test_the_trail_is_searched_by_caller_and_action(doors: Doors) -> None:
    token = await doors.log_in()
    me = (await doors.call("GET", "/v1/auth/self", token=token)).json()["id"]
    found = await doors.call("GET", f"/v1/audit?caller={me}&action=identity:read-self&outcome=done")
    assert [(one["caller"], one["action"]) for one in found.json()["items"]] == [
        (f'Identity::"{me}"', "identity:read-self")
    ]


async def test_the_trail_comes_in_pages(doors: Doors) -> None:
    for _ in range(5):
        await doors.call("GET", "/v1/auth/self")
        doors.worker.clock.advance(timedelta(seconds=1))
    first = (await doors.call("GET", "/v1/audit?limit=2")).json()
    second = (await doors.call("GET", f"/v1/audit?limit=2&cursor={first['next_cursor']}")).json()
    ids = [one["id"] for one in (*first["items"], *second["items"])]
    assert len(set(ids)) == 4


@pytest.mark.parametrize("query", ["outcome=odd", "after=yesterday", "before=2030-01-01T00:00:00", "limit=0"])
async def test_a_search_that_cannot_be_read_is_refused_by_field(doors: Doors, query: str) -> None:
    answered = await doors.call("GET", f"/v1/audit?{query}")
    assert (answered.status, answered.json()["field"]) == (400, query.partition("=")[0])


async def test_what_one_may_not_see_answers_exactly_like_what_is_not_there(doors: Doors) -> None:
    token = await doors.log_in()
    answers = []
    for path in ("/v1/projects/default", "/v1/projects/nowhere"):
        answered = await doors.call("GET", path, token=token)
        problem = answered.json()
        problem.pop("request_id")
        answers.append((answered.status, problem))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


async def test_a_limited_token_answers_as_often_as_it_says(doors: Doors) -> None:
    machine = await doors.worker.make_machine(terms=TokenTerms(uses=2))
    token = (await doors.worker.log_in(machine)).access_token.reveal()
    statuses = [(await doors.call("GET", "/v1/auth/self", token=token)).status for _ in range(3)]
    assert statuses == [200, 200, 401]


NUL = "a\0b"
WITH_NUL: list[tuple[str, str, Any]] = [
    ("POST", LOGIN, {"client_id": NUL, "client_secret": "x"}),
    ("POST", LOGIN, {"client_id": "x", "client_secret": NUL}),
    ("POST", IDENTITIES, {"name": NUL}),
    ("POST", IDENTITIES, {"name": "a", "project": NUL}),
    ("GET", f"{IDENTITIES}/{NUL}", None),
    ("GET", f"{IDENTITIES}/{NUL}/client-secrets", None),
    ("GET", f"/v1/organizations/{NUL}", None),
    ("GET", f"/v1/projects/{NUL}", None),
    ("POST", "/v1/organizations", {"slug": "a", "name": NUL}),
    ("POST", "/v1/projects/default/environments", {"slug": "a", "name": NUL}),
    ("DELETE", f"/v1/projects/default/environments/{NUL}", None),
    ("POST", "/v1/projects/default/memberships", {"identity": NUL, "role": "viewer"}),
    ("DELETE", f"/v1/projects/default/memberships/{NUL}", None),
    ("GET", f"/v1/projects/default/policies/{NUL}", None),
    ("DELETE", f"/v1/projects/default/policies/{NUL}", None),
    (
        "POST",
        "/v1/projects/default/policies",
        {"name": "x", "text": f'permit(principal == User::"{NUL}", action, resource);'},
    ),
    (
        "POST",
        "/v1/policy/explain",
        {"principal": f'User::"{NUL}"', "action": "audit:read", "resource": "prj_x"},
    ),
    ("GET", "/v1/audit?caller=a%00b::", None),
    ("GET", "/v1/audit?action=a%00b", None),
    ("GET", "/v1/audit?cursor=MS1hAGI", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WITH_NUL)
async def test_a_character_that_postgresql_cannot_keep_is_never_an_error_of_ours(
    database: Database, clock: FakeClock, method: str, path: str, body: Any
) -> None:
    doors = await open_doors(database, clock)
    answered = await doors.call(method, path, body)
    assert answered.status < 500
