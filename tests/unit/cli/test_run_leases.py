"""Leases that last as long as a command, against an API and a clock by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ca_service.cli.run_leases import HeldLeases, Wanted, parse_wanted, variables_of
from ca_service.client.errors import ClientError, RefusedError, UnreachableError

DATA = {"username": "kw_1", "password": "p", "host": "db", "port": 5432, "database": "app"}
MIDNIGHT = datetime(2030, 1, 1, tzinfo=UTC)
WANTED = Wanted("app-db", "/", None)


class World:
    """A clock that is set by hand, and an API that answers renewals and revocations as it is told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.told: list[str] = []
        self.posted: list[tuple[str, Any]] = []
        self.renewal: ClientError | dict[str, Any] = self.lease(100)
        self.revocation: ClientError | dict[str, Any] = {"status": "revoked"}
        self.leases = HeldLeases(self, "default", self.told.append, lambda: self.now, ttl="100s")

    def lease(self, ttl: int) -> dict[str, Any]:
        """Return a lease that ends so many seconds from now, as a server with another clock says it."""
        end = MIDNIGHT + timedelta(seconds=self.now + ttl)
        last = MIDNIGHT + timedelta(seconds=1500)
        return {"expires_at": end.isoformat(), "max_expires_at": last.isoformat()}

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        assert path == "/v1/projects/default/environments/dev/dynamic-secrets/app-db"
        assert query == {"path": "/"}
        return {"provider": "postgresql"}

    def post(
        self, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        self.posted.append((path.removeprefix("/v1/projects/default/"), body))
        answer = self.renewal if path.endswith("/renew") else self.revocation
        if isinstance(answer, ClientError):
            raise answer
        return answer

    def post_once(self, path: str, body: Mapping[str, Any], query: Mapping[str, Any] | None, key: str) -> Any:
        assert (path.rpartition("/")[2], query, len(key)) == ("leases", {"path": "/"}, 32)
        self.posted.append((path, body))
        return {"lease_id": "lse_1", "data": DATA, "ttl": 100, **self.lease(100)}


@pytest.fixture
def world() -> World:
    """A world in which one lease of 100 s is held."""
    made = World()
    made.leases.take("dev", WANTED)
    return made


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("app-db", Wanted("app-db", "/here", None)),
        ("app-db:DB", Wanted("app-db", "/here", "DB")),
        ("/app/app-db:DB", Wanted("app-db", "/app", "DB")),
        ("/app-db", Wanted("app-db", "/", None)),
        ("", None),
        (":DB", None),
        ("app-db:", None),
        ("app-db:1", None),
        ("/app/", None),
    ],
)
def test_given_a_lease_argument_then_it_is_understood_or_refused(text: str, wanted: Wanted | None) -> None:
    assert parse_wanted(text, "/here") == wanted


def test_given_postgresql_without_a_prefix_then_its_programs_find_what_they_read() -> None:
    found = variables_of(WANTED, "postgresql", DATA)

    assert found["APP_DB_USERNAME"] == found["PGUSER"] == "kw_1"
    assert (found["PGHOST"], found["PGPORT"], found["PGDATABASE"], found["PGPASSWORD"]) == (
        "db",
        "5432",
        "app",
        "p",
    )


@pytest.mark.parametrize(("prefix", "provider"), [("DB", "postgresql"), (None, "mysql")])
def test_given_a_prefix_or_another_provider_then_there_is_nothing_of_postgresqls(
    prefix: str | None, provider: str
) -> None:
    found = variables_of(Wanted("1-db", "/", prefix), provider, DATA)

    assert set(found) == {f"{prefix or '_1_DB'}_{key.upper()}" for key in DATA}


def test_given_a_lease_then_it_is_renewed_at_half_its_time_with_the_time_that_was_asked_for(
    world: World,
) -> None:
    assert world.leases.renew_due() == 50
    assert len(world.posted) == 1

    world.now += 50
    world.renewal = world.lease(100)
    assert world.leases.renew_due() == 50
    assert world.posted[-1] == ("leases/lse_1/renew", {"ttl": "100s"})
    assert world.told == []


def test_given_the_last_renewal_then_there_is_no_further_one_and_it_is_told(world: World) -> None:
    world.now += 400
    world.renewal = world.lease(100)

    assert world.leases.renew_due() is None
    [told] = world.told
    assert "2030-01-01T00:25:00" in told


def test_given_a_refusal_then_there_is_no_further_renewal_and_it_is_told(world: World) -> None:
    world.now += 50
    world.renewal = RefusedError(404, {"detail": "There is no such lease."})

    assert world.leases.renew_due() is None
    assert world.leases.renew_due() is None
    [told] = world.told
    assert "There is no such lease." in told
    assert len(world.posted) == 2


@pytest.mark.parametrize("why", [UnreachableError("away"), RefusedError(503, {}), RefusedError(429, {})])
def test_given_a_server_that_is_away_then_it_is_tried_again_until_the_lease_has_ended(
    world: World, why: ClientError
) -> None:
    world.now += 50
    world.renewal = why
    assert world.leases.renew_due() == 25
    assert world.leases.renew_due() == 25

    world.now += 49.5
    assert world.leases.renew_due() == 1
    assert world.told == []

    world.now += 1
    assert world.leases.renew_due() is None
    assert "has ended" in world.told[0]


def test_given_the_end_then_every_lease_is_revoked_once(world: World) -> None:
    world.leases.take("dev", Wanted("app-db", "/", "B"))
    world.leases.keep()

    world.leases.give_back()
    world.leases.give_back()

    assert [path for path, _ in world.posted if path.endswith("/revoke")] == ["leases/lse_1/revoke"] * 2
    assert world.told == []


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (UnreachableError("away"), "keywright lease revoke lse_1"),
        ({"status": "revoking", "reason": "down"}, "keywright lease show lse_1"),
    ],
)
def test_given_a_revocation_that_is_not_done_then_it_is_told_what_happens_next(
    world: World, answer: ClientError | dict[str, Any], named: str
) -> None:
    world.revocation = answer
    world.leases.give_back()

    [told] = world.told
    assert named in told
