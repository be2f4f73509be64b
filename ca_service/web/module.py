"""What a package contributes to the service, and what it is given to build that from."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from ca_service.audit.trail import AuditTrail
from ca_service.config import Config
from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.egress.egress import Egress
from ca_service.gate.caller import Caller
from ca_service.gate.handler import ExternalHandler, Handler, Reader
from ca_service.gate.operation import Operation
from ca_service.gate.port import Gate, Sponsors
from ca_service.kernel.clock import Clock
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.sets import BuiltInPolicy
from ca_service.queue.jobs import JobHandler
from ca_service.queue.queue import Queue
from ca_service.web.instance.handlers import StatusSource

if TYPE_CHECKING:
    from litestar.types import ControllerRouterHandler

AnyHandler = Handler[Any, Any, Any, Any] | Reader[Any, Any] | ExternalHandler[Any, Any, Any, Any]


class Ground(Struct, frozen=True):
    """The built ground that every module stands on."""

    config: Config
    clock: Clock
    identifiers: Identifiers
    randomness: Randomness
    database: Database
    custody: Custody
    egress: Egress
    queue: Queue
    policy: PolicyEngine
    audit: AuditTrail
    gate: Gate
    sponsors: Sponsors
    public_url: str
    plain_public_url: str


class Timer(Struct, frozen=True):
    """Housekeeping that runs `every` so often in one worker at a time, and once soon after start.

    It grants nothing and changes nothing a caller owns; all else is an operation performed as a job. What
    `expires` something does not run while the clock may have jumped (S23).
    """

    name: str
    every: timedelta
    run: Callable[[], Awaitable[None]]
    expires: bool = False


class PlainRoute(Protocol):
    """Answers one path prefix of the plain listener (S20): path below the prefix → type, body, headers."""

    async def __call__(self, path: str) -> tuple[str, bytes, Mapping[str, str]]:
        """Return content type, body and further headers. Raises NotFoundError."""


class Contribution(Struct, frozen=True):
    """What one module adds. `routes` are Litestar handlers of the TLS listener.

    `first_start` runs under the database lock of first start, in the order of the modules; it is idempotent
    and is handed the instance administrator as caller. `status` tells what an administrator should know now.
    """

    handlers: Mapping[type[Operation[Any]], AnyHandler]
    routes: "Sequence[ControllerRouterHandler]" = ()
    timers: Sequence[Timer] = ()
    job_handlers: Mapping[str, JobHandler] = {}
    first_start: Callable[[Caller], Awaitable[None]] | None = None
    status: StatusSource | None = None


class Module(Struct, frozen=True):
    """A package's one list. `schema` is its fragment of the Cedar schema, in Cedar's own syntax."""

    name: str
    schema: str
    policies: tuple[BuiltInPolicy, ...]
    build: Callable[[Ground], Contribution]
