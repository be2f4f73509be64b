"""One whole instance in process: the graph of composition over SQLite, as first start leaves it.

Only the world outside is a fake (what hosts answer to challenges). Database, trail, policy and handlers stand
behind the wrappers of `tests/support/faults.py`, which do nothing unless a test switches them.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ca_service.composition import (
    Foundation,
    Graph,
    World,
    build_access,
    build_doors,
    build_jobs,
    build_modules,
    build_timers,
    instance_contribution,
    open_foundation,
)
from ca_service.config import Config
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.gate.performance import AnyHandler
from ca_service.gate.port import RequestContext
from ca_service.identity.bootstrap import instance_administrator
from ca_service.kernel.secret_value import SecretValue
from ca_service.serve.data_directory import ADMIN_TOKEN
from ca_service.serve.service import RunningService
from ca_service.web.metrics import Metrics
from ca_service.web.middleware import Front
from tests.support.databases import SqliteTemplate
from tests.support.fakes.acme import FakeWorld, run_of
from tests.support.fakes.gate import untyped
from tests.support.faults import (
    BreakableDatabase,
    RefusingPolicy,
    WatchedTrail,
    forget_watching,
    watched,
)
from tests.support.modules import MODULES_WITHOUT_TARGETS
from tests.support.web import Answered, _exchange

A = TypeVar("A")

HOST = "ca.example"
URL = f"https://{HOST}"
PLAIN_URL = f"http://{HOST}"
ADDRESS = "192.0.2.7"
ADMINISTRATOR = instance_administrator(address=ADDRESS)
REQUEST = RequestContext("req_test")
VERSION = "1.2.3"

#: What the passing of time and the door itself may change: the trail, nonces of JWS, who may run timers.
_RESTLESS_TABLES = ("audit_", "queue_leases", "sqlite_", "acme_used_nonces", "database_")
#: Columns that a refused or failed operation may change: numbers are taken for good, and may be lost (S6).
_RESTLESS_COLUMNS = {
    "identity_tokens": {"last_used_at"},
    "ssh_authorities": {"next_serial_number"},
    "ssh_revocation_lists": {"last_version"},
    "x509_revocation_lists": {"last_number"},
}
Rows = Mapping[str, list[tuple[Any, ...]]]


class Instance:
    """The parts of one instance that tests ask or break."""

    def __init__(self, folder: Path, graph: Graph, handlers: dict[type[Operation[Any]], AnyHandler]) -> None:
        self.folder = folder
        self.graph = graph
        #: The registry: each operation with its handler behind a wrapper.
        self.handlers = handlers
        self.foundation: Foundation = graph.foundation
        self.world: FakeWorld = untyped(graph.foundation.egress)
        self.database: BreakableDatabase = untyped(graph.foundation.database)
        self.trail: WatchedTrail = untyped(graph.foundation.audit)
        self.policy: RefusingPolicy = untyped(graph.foundation.policy)
        self.gate = graph.access.gate
        self._service = RunningService(Config(data=str(folder)), graph, (HOST,))
        self.app = self._service.app
        self._front = Front(self._service.app, self._service.surroundings)
        # Beside the service's own connections, so that only what was committed is seen.
        self._reader = sqlite3.connect(folder / "keywright.db", timeout=10)
        self._selects: dict[str, str] = {}

    @classmethod
    async def open(cls, folder: Path, template: SqliteTemplate) -> "Instance":
        """Return an instance on a fresh database in `folder`, after its first start."""
        template.copy_to(folder)
        world = World(URL, PLAIN_URL)
        foundation = await open_foundation(Config(data=str(folder)), world)
        trail = WatchedTrail(foundation.audit)
        foundation = msgspec.structs.replace(
            foundation,
            database=BreakableDatabase(foundation.database, trail),
            audit=untyped(trail),
            policy=untyped(RefusingPolicy(foundation.policy)),
            egress=untyped(FakeWorld()),
        )
        instance = cls(folder, *_graph_over(foundation, world))
        await instance._service.start_first()
        return instance

    async def close(self) -> None:
        """Put everything away."""
        self.mend()
        self._reader.close()
        await self._service.close()

    def mend(self) -> None:
        """Switch off everything that a test broke, and forget what was watched."""
        self.policy.mend()
        self.trail.mend()
        self.database.commits_fail = False
        forget_watching(self.handlers)

    @property
    def admin_token(self) -> str:
        """Return the token that first start wrote for the administrator."""
        return (self.folder / ADMIN_TOKEN).read_text(encoding="ascii").strip()

    async def perform(self, operation: Operation[A], caller: Caller = ADMINISTRATOR) -> A:
        """Perform an operation through the gate."""
        return (await self.gate.perform(caller, operation, REQUEST)).answer

    async def authenticate(self, token: SecretValue[str]) -> Caller:
        """Return the caller behind a token."""
        return await self.graph.access.authenticator.authenticate(token, ADDRESS)

    async def run_validation(self, payload: bytes) -> None:
        """Run the job that a response to a challenge leaves behind."""
        for contribution in self.graph.contributions:
            for kind, run in contribution.job_handlers.items():
                if kind == "acme-validate":
                    await run(run_of(payload))

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        media_type: str = "application/json",
        token: str | None = None,
    ) -> Answered:
        """Send one request through the whole front, without a socket."""
        target, _, query = path.partition("?")
        headers = [(b"host", HOST.encode()), (b"x-request-id", b"req-test")]
        if token is not None:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        if body:
            headers.append((b"content-type", media_type.encode()))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": (ADDRESS, 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "state": {},
        }
        return await _exchange(self._front, scope, [body])

    def rows(self) -> Rows:
        """Return all rows of all tables but what may change at any time."""
        if not self._selects:
            self._selects = _selects_of(self._reader)
        return {name: self._reader.execute(select).fetchall() for name, select in self._selects.items()}

    def rows_of_organization(self, organization: str) -> Rows:
        """Return the rows that belong to one organization."""
        return {name: [row for row in rows if organization in row] for name, rows in self.rows().items()}


def _selects_of(connection: sqlite3.Connection) -> dict[str, str]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    selects = {}
    for (table,) in tables:
        if not table.startswith(_RESTLESS_TABLES):
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            shown = [f'"{name}"' for name in columns if name not in _RESTLESS_COLUMNS.get(table, ())]
            selects[table] = f"SELECT {', '.join(shown)} FROM {table} ORDER BY rowid"
    return selects


def _graph_over(foundation: Foundation, world: World) -> tuple[Graph, dict[type[Operation[Any]], AnyHandler]]:
    """Return what `composition.compose` builds, over this foundation and with watched handlers."""
    access = build_access(foundation)
    metrics = Metrics(VERSION)
    contributions = build_modules(foundation, access, world, MODULES_WITHOUT_TARGETS)
    contributions = (*contributions, instance_contribution(foundation, contributions, metrics, VERSION))
    handlers = watched({op: each for part in contributions for op, each in part.handlers.items()})
    access.gate.register(handlers)
    graph = Graph(
        foundation=foundation,
        access=access,
        contributions=contributions,
        doors=build_doors(foundation, access, world),
        metrics=metrics,
        jobs=build_jobs(foundation, contributions),
        timers=build_timers(foundation, contributions),
    )
    return graph, handlers
