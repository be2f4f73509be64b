"""Rows of certificates: written once, changed only by their revocation."""

from collections.abc import Callable
from datetime import datetime
from functools import cache

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, exists, func, insert, select, update

from ca_service.database.port import Database, Row, Transaction, Value
from ca_service.database.statement import Statement, any_of, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import Tenant
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.certificates import Certificate, CertificateStatus, CertificateType
from ssh_ca.operations import SshCertificateFilter
from ssh_ca.profiles import ProfileStatus, SshProfile
from ssh_ca.storage.tables import AUTHORITIES, PRINCIPALS, PROFILES
from ssh_ca.storage.tables import CERTIFICATES as T

_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_SHOWN = (
    T.c.id,
    T.c.authority,
    T.c.serial_number,
    T.c.type,
    T.c.key_id,
    T.c.principals,
    T.c.fingerprint,
    T.c.profile,
    T.c.valid_after,
    T.c.valid_before,
    T.c.revoked_at,
)
_JOINED = T.join(
    AUTHORITIES,
    and_(
        AUTHORITIES.c.organization == T.c.organization,
        AUTHORITIES.c.project == T.c.project,
        AUTHORITIES.c.id == T.c.authority,
    ),
)

_FIND = statement(
    select(*_SHOWN, AUTHORITIES.c.name, T.c.certificate)
    .select_from(_JOINED)
    .where(*_MINE, T.c.id == bindparam("id"))
)
#: Issues only while authority and profile are those that were decided on.
_INSERT_IF_UNCHANGED = statement(
    insert(T).from_select(
        [column.name for column in T.columns],
        select(*[bindparam(column.name, type_=column.type) for column in T.columns]).where(
            exists(
                select(AUTHORITIES.c.id).where(
                    AUTHORITIES.c.organization == bindparam("organization"),
                    AUTHORITIES.c.project == bindparam("project"),
                    AUTHORITIES.c.id == bindparam("authority"),
                    AUTHORITIES.c.version == bindparam("authority_version"),
                    AUTHORITIES.c.status == AuthorityStatus.ACTIVE.value,
                )
            ),
            exists(
                select(PROFILES.c.id).where(
                    PROFILES.c.organization == bindparam("organization"),
                    PROFILES.c.project == bindparam("project"),
                    PROFILES.c.id == bindparam("profile_id"),
                    PROFILES.c.version == bindparam("profile_version"),
                    PROFILES.c.status == ProfileStatus.ACTIVE.value,
                )
            ),
        ),
    )
)
_INSERT_PRINCIPAL = statement(
    insert(PRINCIPALS).values({column.name: bindparam(column.name) for column in PRINCIPALS.columns})
)
_LIST_SIGNED_SINCE = statement(
    select(T.c.id).where(
        *_MINE, T.c.authority == bindparam("authority"), T.c.valid_after >= bindparam("since")
    )
)

_COUNT_VALID = statement(
    select(func.count(), func.max(T.c.valid_before)).where(
        *_MINE,
        T.c.authority == bindparam("authority"),
        T.c.revoked_at.is_(None),
        T.c.valid_before > bindparam("now"),
    )
)


def insert_issued(
    transaction: Transaction,
    certificate: Certificate,
    blob: bytes,
    caller: str,
    authority: SshAuthority,
    profile: SshProfile,
    otherwise: Callable[[], Exception],
) -> None:
    """Keep a new certificate; `otherwise()` ends it all if authority or profile changed meanwhile."""
    mine = _mine(authority.tenant)
    transaction.require(
        _INSERT_IF_UNCHANGED,
        otherwise,
        id=certificate.id,
        authority=authority.id,
        authority_version=authority.version,
        profile_id=profile.id,
        profile_version=profile.version,
        serial_number=certificate.serial_number,
        type=certificate.type.value,
        key_id=certificate.key_id,
        principals=msgspec.json.encode(certificate.principals),
        fingerprint=certificate.fingerprint,
        profile=certificate.profile,
        certificate=blob,
        caller=caller,
        valid_after=to_microseconds(certificate.valid_after),
        valid_before=to_microseconds(certificate.valid_before),
        revoked_at=None,
        **mine,
    )
    for principal in certificate.principals:
        transaction.send(_INSERT_PRINCIPAL, certificate=certificate.id, principal=principal, **mine)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which certificates a revocation is of. One is given; an authority alone, or with a serial number."""

    key_id: str | None = None
    fingerprint: str | None = None
    caller: str | None = None
    serial_number: int | None = None
    authority_id: str | None = None

    def parameters(self) -> dict[str, Value]:
        """Return what was given, by column."""
        given = {
            "key_id": self.key_id,
            "fingerprint": self.fingerprint,
            "caller": self.caller,
            "serial_number": self.serial_number,
            "authority": self.authority_id,
        }
        return {name: value for name, value in given.items() if value is not None}


async def find_selected(database: Database, tenant: Tenant, selection: Selection) -> list[Certificate]:
    """Return the certificates that a revocation is of."""
    given = selection.parameters()
    rows = await database.scan(
        _find_statement(tuple(given)), organization=tenant.organization, project=tenant.project, **given
    )
    return [_certificate(row) for row in rows]


async def refetch_selected(
    transaction: Transaction, tenant: Tenant, selection: Selection
) -> list[Certificate]:
    """Return the same as this transaction sees it."""
    given = selection.parameters()
    rows = await transaction.fetch_all(
        _find_statement(tuple(given)), organization=tenant.organization, project=tenant.project, **given
    )
    return [_certificate(row) for row in rows]


async def revoke_selected(
    transaction: Transaction, tenant: Tenant, selection: Selection, authority_ids: list[str]
) -> int:
    """Mark the selected certificates of these authorities as revoked now; return how many were not before."""
    given = selection.parameters()
    return await transaction.execute(
        _revoke_statement(tuple(given)),
        organization=tenant.organization,
        project=tenant.project,
        authorities=authority_ids,
        new_revoked_at=to_microseconds(transaction.now),
        **given,
    )


async def list_signed_since(
    transaction: Transaction, tenant: Tenant, authority_id: str, since: datetime
) -> list[str]:
    """Return the ids of certificates of an authority that begin at `since` or later."""
    rows = await transaction.fetch_all(
        _LIST_SIGNED_SINCE, authority=authority_id, since=to_microseconds(since), **_mine(tenant)
    )
    return [row[0] for row in rows]


async def count_valid(database: Database, tenant: Tenant, authority_id: str) -> tuple[int, datetime | None]:
    """Return how many certificates of an authority are valid now, and when the last of them ends."""
    [row] = await database.scan(
        _COUNT_VALID,
        authority=authority_id,
        now=to_microseconds(database.now()),
        organization=tenant.organization,
        project=tenant.project,
    )
    return row[0], None if row[1] is None else from_microseconds(row[1])


async def list_certificates(
    database: Database, tenant: Tenant, wanted: SshCertificateFilter, limit: int, after: str | None
) -> list[Certificate]:
    """Return at most `limit` certificates, newest first, from the one behind `after` on."""
    given: dict[str, Value] = {
        name: value
        for name, value in {
            "key_id": wanted.key_id,
            "serial_number": wanted.serial_number,
            "authority_name": wanted.authority,
            "principal": wanted.principal,
            "after": after,
        }.items()
        if value is not None
    }
    compiled = _list_statement(tuple(given), wanted.status)
    if wanted.status in {CertificateStatus.VALID, CertificateStatus.EXPIRED}:
        given["now"] = to_microseconds(database.now())
    rows = await database.scan(
        compiled, organization=tenant.organization, project=tenant.project, limit=limit, **given
    )
    return [_certificate(row) for row in rows]


async def find_certificate(
    database: Database, tenant: Tenant, certificate_id: str
) -> tuple[Certificate, bytes] | None:
    """Return the certificate of this id in a project, with what was signed."""
    row = await database.read_one(
        _FIND, id=certificate_id, organization=tenant.organization, project=tenant.project
    )
    return None if row is None else (_certificate(row), row[12])


@cache
def _find_statement(given: tuple[str, ...]) -> Statement:
    conditions = [T.c[name] == bindparam(name) for name in given]
    return statement(
        select(*_SHOWN, AUTHORITIES.c.name).select_from(_JOINED).where(*_MINE, *conditions).order_by(T.c.id)
    )


@cache
def _revoke_statement(given: tuple[str, ...]) -> Statement:
    conditions = [T.c[name] == bindparam(name) for name in given]
    return statement(
        update(T)
        .where(*_MINE, *conditions, any_of(T.c.authority, "authorities"), T.c.revoked_at.is_(None))
        .values(revoked_at=bindparam("new_revoked_at"))
    )


@cache
def _list_statement(given: tuple[str, ...], status: CertificateStatus | None) -> Statement:
    conditions: dict[str, ColumnElement[bool]] = {
        "key_id": T.c.key_id == bindparam("key_id"),
        "serial_number": T.c.serial_number == bindparam("serial_number"),
        "authority_name": AUTHORITIES.c.name == bindparam("authority_name"),
        "principal": exists(
            select(PRINCIPALS.c.certificate).where(
                PRINCIPALS.c.organization == bindparam("organization"),
                PRINCIPALS.c.project == bindparam("project"),
                PRINCIPALS.c.principal == bindparam("principal"),
                PRINCIPALS.c.certificate == T.c.id,
            )
        ),
        "after": T.c.id < bindparam("after"),
    }
    chosen = [conditions[name] for name in given]
    if status is CertificateStatus.REVOKED:
        chosen.append(T.c.revoked_at.is_not(None))
    elif status is CertificateStatus.VALID:
        chosen += [T.c.revoked_at.is_(None), T.c.valid_before > bindparam("now")]
    elif status is CertificateStatus.EXPIRED:
        chosen += [T.c.revoked_at.is_(None), T.c.valid_before <= bindparam("now")]
    return statement(
        select(*_SHOWN, AUTHORITIES.c.name)
        .select_from(_JOINED)
        .where(*_MINE, *chosen)
        .order_by(T.c.id.desc())
        .limit(bindparam("limit"))
    )


def _certificate(row: Row) -> Certificate:
    return Certificate(
        id=row[0],
        authority_id=row[1],
        serial_number=row[2],
        type=CertificateType(row[3]),
        key_id=row[4],
        principals=msgspec.json.decode(row[5], type=tuple[str, ...]),
        fingerprint=row[6],
        profile=row[7],
        valid_after=from_microseconds(row[8]),
        valid_before=from_microseconds(row[9]),
        revoked_at=None if row[10] is None else from_microseconds(row[10]),
        authority=row[11],
    )


def _mine(tenant: Tenant) -> dict[str, Value]:
    return {"organization": tenant.organization, "project": tenant.project}
