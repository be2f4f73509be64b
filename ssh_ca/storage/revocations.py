"""Rows of revocations beside the inventory, and what a key revocation list reads of both."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, exists, literal, select

from ca_service.database.port import Database, Transaction
from ca_service.database.statement import insert_if_absent, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import Tenant
from ssh_ca.revoked import KEPT_AFTER_END, Revocation, RevocationKind
from ssh_ca.storage.tables import CERTIFICATES
from ssh_ca.storage.tables import REVOCATIONS as T

_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_INSERT = statement(insert_if_absent(T, *[column.name for column in T.columns]))
_IS_GOOD = statement(
    select(literal(1)).where(
        ~exists(
            select(T.c.value).where(
                *_MINE, T.c.kind == bindparam("kind"), T.c.authority == "", T.c.value == bindparam("value")
            )
        )
    )
)
_LIST = statement(select(T.c.kind, T.c.authority, T.c.value, T.c.revoked_at).where(*_MINE))
_LIST_CERTIFICATES = statement(
    select(CERTIFICATES.c.authority, CERTIFICATES.c.serial_number).where(
        CERTIFICATES.c.organization == bindparam("organization"),
        CERTIFICATES.c.project == bindparam("project"),
        CERTIFICATES.c.revoked_at.is_not(None),
        CERTIFICATES.c.valid_before > bindparam("not_ended_before"),
    )
)


async def insert_revocation(
    transaction: Transaction,
    tenant: Tenant,
    kind: RevocationKind,
    authority_id: str,
    value: str,
    caller: str,
) -> bool:
    """Keep a revocation that is not of a certificate in the inventory; False if it was kept before."""
    changed = await transaction.execute(
        _INSERT,
        organization=tenant.organization,
        project=tenant.project,
        kind=kind.value,
        authority=authority_id,
        value=value,
        caller=caller,
        revoked_at=to_microseconds(transaction.now),
    )
    return changed == 1


def require_not_revoked(
    transaction: Transaction,
    tenant: Tenant,
    kind: RevocationKind,
    value: str,
    otherwise: Callable[[], Exception],
) -> None:
    """End the transaction with `otherwise()` if this key or key id was revoked for good."""
    transaction.require(
        _IS_GOOD,
        otherwise,
        kind=kind.value,
        value=value,
        organization=tenant.organization,
        project=tenant.project,
    )


async def list_revocations(database: Database, tenant: Tenant) -> tuple[Revocation, ...]:
    """Return every revocation of a project beside the inventory."""
    rows = await database.scan(_LIST, organization=tenant.organization, project=tenant.project)
    return tuple(
        Revocation(RevocationKind(kind), authority, value, from_microseconds(at))
        for kind, authority, value, at in rows
    )


async def list_revoked(database: Database, tenant: Tenant, now: datetime) -> tuple[tuple[str, int], ...]:
    """Return (authority id, serial number) of every revoked certificate that a clock may still find valid."""
    rows = await database.scan(
        _LIST_CERTIFICATES,
        organization=tenant.organization,
        project=tenant.project,
        not_ended_before=to_microseconds(now - KEPT_AFTER_END),
    )
    return tuple((authority, serial_number) for authority, serial_number in rows)
