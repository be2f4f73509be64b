"""The table of idempotency keys: one row per key, holding the sealed answer for a while (S10)."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    select,
    update,
)

from ca_service.audit.storage import insert_where
from ca_service.database.metadata import METADATA
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.storage import GENERATION_HOLDS

#: `organization` and `project` are empty for operations outside projects. `holder` is the call that runs or
#: ran under the key; `answer` is empty while it runs and NULL once the answer may no longer be replayed.
IDEMPOTENCY_KEYS = Table(
    "gate_idempotency_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("answer", LargeBinary),
    Column("answer_until", BigInteger, nullable=False),
    Column("made", Text, nullable=False),
    Column("forget_at", BigInteger, nullable=False),
    UniqueConstraint("organization", "project", "caller", "operation", "key"),
    Index("ix_gate_idempotency_keys_made", "organization", "project", "made"),
    Index("ix_gate_idempotency_keys_forget_at", "forget_at"),
    Index("ix_gate_idempotency_keys_answer_until", "answer_until"),
)
_K = IDEMPOTENCY_KEYS.c

RUNNING = "running"
DONE = "done"


class Scope(Struct, frozen=True):
    """Whose key it is, and for what: the same text in another scope is another key."""

    tenant: Tenant | None
    caller: str
    operation: str
    key: str

    def parameters(self) -> dict[str, str]:
        """Return the columns that name the scope."""
        return {
            "organization": self.tenant.organization if self.tenant is not None else "",
            "project": self.tenant.project if self.tenant is not None else "",
            "caller": self.caller,
            "operation": self.operation,
            "key": self.key,
        }


class KeptKey(Struct, frozen=True):
    """A key that was used before."""

    id: str
    digest: bytes
    is_done: bool
    holder: str
    lease_until: datetime
    answer: bytes | None
    answer_until: datetime
    made: str


#: Writes the entry of a read that reveals, while the generation it was permitted in holds (S14).
APPEND_WHILE_PERMITTED = statement(insert_where(GENERATION_HOLDS))

_OF_SCOPE = (
    _K.organization == bindparam("organization"),
    _K.project == bindparam("project"),
    _K.caller == bindparam("caller"),
    _K.operation == bindparam("operation"),
    _K.key == bindparam("key"),
)

_FIND = statement(
    select(
        _K.id,
        _K.digest,
        _K.status,
        _K.holder,
        _K.lease_until,
        _K.answer,
        _K.answer_until,
        _K.made,
    ).where(*_OF_SCOPE)
)

_CLAIM = statement(
    insert_if_absent(
        IDEMPOTENCY_KEYS,
        "id",
        "organization",
        "project",
        "caller",
        "operation",
        "key",
        "digest",
        "status",
        "holder",
        "lease_until",
        "answer_until",
        "made",
        "forget_at",
        conflict=("organization", "project", "caller", "operation", "key"),
    )
)

_TAKE_OVER = statement(
    update(IDEMPOTENCY_KEYS)
    .where(
        _K.id == bindparam("row_id"),
        _K.status == RUNNING,
        _K.holder == bindparam("former_holder"),
        _K.lease_until <= bindparam("now"),
    )
    .values(holder=bindparam("new_holder"), lease_until=bindparam("new_lease_until"))
)

_KEEP_ANSWER = statement(
    update(IDEMPOTENCY_KEYS)
    .where(_K.id == bindparam("row_id"), _K.status == RUNNING, _K.holder == bindparam("current_holder"))
    .values(
        status=bindparam("new_status"),
        answer=bindparam("sealed_answer"),
        answer_until=bindparam("new_answer_until"),
        made=bindparam("made_id"),
        forget_at=bindparam("new_forget_at"),
    )
)

_RELEASE = statement(
    delete(IDEMPOTENCY_KEYS).where(
        _K.id == bindparam("row_id"), _K.status == RUNNING, _K.holder == bindparam("current_holder")
    )
)

_DROP_ANSWERS_OF = statement(
    update(IDEMPOTENCY_KEYS)
    .where(
        _K.organization == bindparam("of_organization"),
        _K.project == bindparam("of_project"),
        _K.made == bindparam("made_id"),
    )
    .values(answer=bindparam("no_answer"))
)

_DROP_EXPIRED_ANSWERS = statement(
    update(IDEMPOTENCY_KEYS)
    .where(_K.answer_until <= bindparam("now"), _K.answer.is_not(None))
    .values(answer=bindparam("no_answer"))
)

_FORGET = statement(delete(IDEMPOTENCY_KEYS).where(_K.forget_at <= bindparam("now")))


async def find_key(database: Database, scope: Scope) -> KeptKey | None:
    """Return the row of a key, if it was used before."""
    row = await database.read_one(_FIND, **scope.parameters())
    return _kept_key(row) if row is not None else None


async def claim_key(
    transaction: Transaction, scope: Scope, row_id: str, digest: bytes, holder: str, *, lease_until: datetime,
    forget_at: datetime,
) -> bool:  # fmt: skip
    """Insert the row of a new key; False if another request was first."""
    changed = await transaction.execute(
        _CLAIM,
        id=row_id,
        digest=digest,
        status=RUNNING,
        holder=holder,
        lease_until=to_microseconds(lease_until),
        answer_until=to_microseconds(forget_at),
        made="",
        forget_at=to_microseconds(forget_at),
        **scope.parameters(),
    )
    return changed == 1


async def take_over_key(
    transaction: Transaction, row_id: str, *, former_holder: str, holder: str, lease_until: datetime
) -> bool:
    """Make `holder` the owner of a key whose lease ran out; False if another was first."""
    changed = await transaction.execute(
        _TAKE_OVER,
        row_id=row_id,
        former_holder=former_holder,
        new_holder=holder,
        now=to_microseconds(transaction.now),
        new_lease_until=to_microseconds(lease_until),
    )
    return changed == 1


async def keep_answer(
    transaction: Transaction, row_id: str, holder: str, sealed: bytes, made: str, *, answer_until: datetime,
    forget_at: datetime,
) -> bool:  # fmt: skip
    """Keep the sealed answer under the key; False if the holder lost it meanwhile."""
    changed = await transaction.execute(
        _KEEP_ANSWER,
        row_id=row_id,
        current_holder=holder,
        new_status=DONE,
        sealed_answer=sealed,
        new_answer_until=to_microseconds(answer_until),
        made_id=made,
        new_forget_at=to_microseconds(forget_at),
    )
    return changed == 1


async def release_key(transaction: Transaction, row_id: str, holder: str) -> None:
    """Forget a key whose request failed, so that it can be sent again."""
    await transaction.execute(_RELEASE, row_id=row_id, current_holder=holder)


async def drop_answers_of(transaction: Transaction, tenant: Tenant, made: str) -> None:
    """Drop every answer kept about `made`: it was revoked."""
    await transaction.execute(
        _DROP_ANSWERS_OF,
        of_organization=tenant.organization,
        of_project=tenant.project,
        made_id=made,
        no_answer=None,
    )


async def drop_expired(transaction: Transaction) -> None:
    """Drop answers whose time is over, and keys nobody needs to be told of any more."""
    now = to_microseconds(transaction.now)
    await transaction.execute(_DROP_EXPIRED_ANSWERS, now=now, no_answer=None)
    await transaction.execute(_FORGET, now=now)


def _kept_key(row: Row) -> KeptKey:
    return KeptKey(
        id=row[0],
        digest=row[1],
        is_done=row[2] == DONE,
        holder=row[3],
        lease_until=from_microseconds(row[4]),
        answer=row[5],
        answer_until=from_microseconds(row[6]),
        made=row[7],
    )
