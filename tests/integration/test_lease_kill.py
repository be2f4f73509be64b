"""`kill -9` before, during and after every statement of giving and ending leases: no account without its end.

Each process of `tests/support/lease_kill.py` gives or ends one lease, through the real gate, over a real
database and at a real PostgreSQL, and dies at the next boundary; until one of each act lives to its end.
"""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from msgspec import Struct

from secrets_core.dynamic.leases import CLAIM, GRACE
from tests.support.databases import PostgresqlTemplate, SqliteTemplate
from tests.support.fakes.kernel import FakeClock
from tests.support.lease_kill import NEVER, SHORT, Fork, LeaseProcesses, Order
from tests.support.target_postgresql import TargetServer

_ACTS = ("create", "revoke", "sweep")
_MOST_BOUNDARIES = 120
_FEWEST_KILLS = 100
_AGAIN = timedelta(minutes=6)
_DAY = timedelta(days=1)
_LIVE = {"pending", "active", "revoking"}
_LEASES = "SELECT username, status, due_at FROM dynamic_leases"
#: What makes an account or ends it, and writes that it will; each act ends with the same commit.
_DECISIVE = {
    "create": ("COMMIT INSERT INTO dynamic_leases", "target's CREATE ROLE", "target's COMMIT"),
    "revoke": (
        "target's ALTER ROLE NOLOGIN",
        "target's REASSIGN OWNED",
        "target's DROP OWNED",
        "target's DROP ROLE",
    ),
    "sweep": ("target's ALTER ROLE NOLOGIN", "target's DROP ROLE"),
}
_LAST_COMMIT = "COMMIT UPDATE dynamic_leases"


class _Look(Struct, frozen=True):
    """What is there at one moment: the accounts at the target, and of each lease the status and when due."""

    accounts: set[str]
    leases: dict[str, tuple[str, int | None]]

    def endless(self) -> set[str]:
        """Return the accounts that no lease will end."""
        return {name for name in self.accounts if not self._will_end(name)}

    def of_status(self, status: str) -> set[str]:
        """Return the names of the leases of a status."""
        return {name for name, (now, _) in self.leases.items() if now == status}

    def _will_end(self, name: str) -> bool:
        status, due_at = self.leases.get(name, ("", None))
        return status in _LIVE and due_at is not None


class _Place:
    """One database and the target: orders to processes, and looks from outside past all of their code."""

    def __init__(self, processes: LeaseProcesses, database: str, server: TargetServer) -> None:
        self._processes = processes
        self._database = database
        self._config = server.config()
        self._target = psycopg.connect(server.cluster.url(), autocommit=True)
        self._own: sqlite3.Connection | psycopg.Connection[Any] = (
            sqlite3.connect(database.removeprefix("sqlite:///"), timeout=10, isolation_level=None)
            if database.startswith("sqlite")
            else psycopg.connect(database, autocommit=True)
        )
        self._administrators = [server.cluster.url(name) for name in ("app", "other")]
        self.began = FakeClock().now()
        self._prefix = self.run("prepare", self.began).prefix

    def run(self, act: str, at: datetime, until: int | str = NEVER) -> Fork:
        """Run one process, which lives to its end or dies at a boundary."""
        order = Order(
            act=act,
            database=self._database,
            config=self._config,
            administrators=self._administrators,
            at=at,
            until=until,
        )
        fork = self._processes.run(order)
        assert fork.was_killed or fork.status == 0, fork.error or fork
        return fork

    def look(self) -> _Look:
        """Look at the target first: whatever is made later is no matter of this look."""
        asked = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)"
        accounts = {row[0] for row in self._target.execute(asked, [self._prefix])}
        return _Look(accounts, {row[0]: (row[1], row[2]) for row in self._own.execute(_LEASES)})

    def close(self) -> None:
        """Close the looks."""
        self._own.close()
        self._target.close()


class _Aftermath(Struct, frozen=True):
    """What was seen: the processes of each act in their order, of which the last lived to its end.

    `endless` are the accounts that had no end after one of them; `settled` is what was left past grace and
    claims, and `ended` past the time of every lease.
    """

    forks: dict[str, list[Fork]]
    endless: list[tuple[str, str, set[str]]]
    settled: _Look
    ended: _Look

    def deaths(self, act: str) -> list[str]:
        """Return the boundaries at which processes of an act died, in their order."""
        return [fork.died_at for fork in self.forks[act] if fork.was_killed]

    def given(self, act: str, first: int = 0, end: int | None = None) -> set[str]:
        """Return the accounts whose answers came to processes of an act, or to some of these."""
        return {name for fork in self.forks[act][first:end] for name in fork.given}


@pytest.fixture(scope="module")
def processes() -> Iterator[LeaseProcesses]:
    started = LeaseProcesses()
    yield started
    started.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest,
    processes: LeaseProcesses,
    target_server: TargetServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[_Place]:
    """An empty database with a dynamic secret."""
    if request.param == "sqlite":
        template: SqliteTemplate = request.getfixturevalue("sqlite_template")
        url = f"sqlite:///{template.copy_to(tmp_path_factory.mktemp('lease-kill'))}"
    else:
        emptied: PostgresqlTemplate = request.getfixturevalue("postgresql_template")
        url = emptied.empty()
    made = _Place(processes, url, target_server)
    yield made
    made.close()
    target_server.restore()


@pytest.fixture(scope="module")
def aftermath(place: _Place) -> _Aftermath:
    """The state after a death at every boundary of every act, and after all that was due is ended."""
    at = place.began
    forks: dict[str, list[Fork]] = {act: [] for act in _ACTS}
    endless: list[tuple[str, str, set[str]]] = []
    for act in _ACTS:
        while len(forks[act]) < _MOST_BOUNDARIES:
            # So little that no claim of a dead process runs out: each ends its own lease.
            at += 2 * SHORT
            fork = place.run(act, at, len(forks[act]) + 1)
            forks[act].append(fork)
            without = place.look().endless()
            if without:
                endless.append((act, fork.died_at, without))
            if not fork.was_killed:
                break
    at += max(GRACE, CLAIM) + SHORT
    place.run("settle", at)
    # A target that was busy with the sessions of the dead is asked again within five minutes.
    place.run("settle", at + _AGAIN)
    settled = place.look()
    place.run("settle", at + _DAY)
    return _Aftermath(forks, endless, settled, place.look())


def test_processes_died_at_every_boundary_of_every_act(aftermath: _Aftermath) -> None:
    for act in _ACTS:
        deaths = aftermath.deaths(act)
        wanted = {
            f"{moment} {boundary}"
            for boundary in (_LAST_COMMIT, *_DECISIVE[act])
            for moment in ("before", "during", "after")
        }
        assert wanted <= set(deaths), f"{act}: nobody died {sorted(wanted - set(deaths))}"
        assert deaths[-1] == f"after {_LAST_COMMIT}"
        assert not aftermath.forks[act][-1].was_killed, f"no {act} lived to its end"
    assert sum(len(aftermath.deaths(act)) for act in _ACTS) >= _FEWEST_KILLS


def test_after_no_death_stood_an_account_without_a_lease_that_will_end_it(aftermath: _Aftermath) -> None:
    assert aftermath.endless == []


def test_past_grace_and_claims_only_the_accounts_of_active_leases_are_left(aftermath: _Aftermath) -> None:
    settled = aftermath.settled
    assert settled.accounts == settled.of_status("active")
    assert settled.of_status("revoked") == settled.leases.keys() - settled.accounts


def test_a_lease_that_was_answered_stays_until_its_end_is_written(aftermath: _Aftermath) -> None:
    left = aftermath.settled.accounts
    assert len(aftermath.given("create")) == 1
    assert aftermath.given("create") <= left
    # Whoever died in the commit which says that the end begins may have begun it; all before have not.
    deaths = aftermath.deaths("revoke")
    begins, has_begun = (deaths.index(f"{moment} {_LAST_COMMIT}") for moment in ("during", "after"))
    assert aftermath.given("revoke", end=begins) <= left
    assert aftermath.given("revoke", has_begun).isdisjoint(left)
    assert aftermath.given("sweep").isdisjoint(left)


def test_an_account_without_an_answer_stays_only_where_nothing_but_the_answer_was_lost(
    aftermath: _Aftermath,
) -> None:
    unanswered = aftermath.settled.accounts - aftermath.given("create") - aftermath.given("revoke")
    # One died after the last commit, and one while that was under way.
    assert 1 <= len(unanswered) <= 2


def test_when_their_time_is_over_no_account_is_left_at_all(aftermath: _Aftermath) -> None:
    assert aftermath.ended.accounts == set()
    assert {status for status, _ in aftermath.ended.leases.values()} == {"revoked"}
    assert {due_at for _, due_at in aftermath.ended.leases.values()} == {None}


def test_a_row_that_is_written_after_its_account_would_be_seen(place: _Place) -> None:
    moment = place.began + 2 * _DAY
    killed = place.run("create_row_last", moment, "after target's COMMIT")
    assert killed.was_killed
    assert len(place.look().endless()) == 1
