"""Rows of certificates: written once, changed only by their revocation."""

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.x509 import load_der_x509_certificate
from sqlalchemy import and_, bindparam, exists, insert, select, update

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.names import Name, NameKind
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.blocked_keys import key_hash
from ca_service.x509.certificates import Certificate
from ca_service.x509.profiles import Profile, ProfileStatus
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.tables import AUTHORITIES, NAMES, PROFILES
from ca_service.x509.storage.tables import CERTIFICATES as T

#: The columns of a certificate with the name of its authority behind them.
SELECTED = (*T.columns, AUTHORITIES.c.name.label("authority_name"))
JOINED = T.join(
    AUTHORITIES,
    and_(
        AUTHORITIES.c.organization == T.c.organization,
        AUTHORITIES.c.project == T.c.project,
        AUTHORITIES.c.id == T.c.authority,
    ),
)
MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))

_decode_names = msgspec.json.Decoder(tuple[Name, ...]).decode
_COLUMNS = tuple(column.name for column in T.columns)
_PARAMETERS = tuple(bindparam(column.name, type_=column.type) for column in T.columns)
_FIND = statement(select(*SELECTED).select_from(JOINED).where(*MINE, T.c.id == bindparam("id")))
_INSERT = statement(insert(T).values({name: bindparam(name) for name in _COLUMNS}))
#: Issues only while the authority and the profile are still those that were decided on.
_INSERT_IF_UNCHANGED = statement(
    insert(T).from_select(
        list(_COLUMNS),
        select(*_PARAMETERS).where(
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
_INSERT_NAME = statement(
    insert(NAMES).values({column.name: bindparam(column.name) for column in NAMES.columns})
)
_REVOKE = statement(
    update(T)
    .where(*MINE, T.c.id == bindparam("id"), T.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("revoked_at"), revocation_reason=bindparam("reason"))
)
_LIST_REVOKED = statement(
    select(T.c.serial_number, T.c.revoked_at, T.c.revocation_reason)
    .where(
        *MINE,
        T.c.authority == bindparam("authority"),
        T.c.revoked_at.is_not(None),
        T.c.not_after >= bindparam("not_ended_before"),
    )
    .order_by(T.c.revoked_at, T.c.serial_number)
)


def reversed_labels(value: str) -> str:
    """Return a DNS name with its labels in reverse: `com.example.www`."""
    return ".".join(reversed(value.split(".")))


def certificate_of(row: Row) -> Certificate:
    """Return a row of `SELECTED` as a value."""
    return Certificate(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        authority_id=row[3],
        profile=row[4],
        serial_number=row[5],
        common_name=row[6],
        names=_decode_names(row[7]),
        key_algorithm=KeyAlgorithm(row[8]),
        has_server_made_key=row[9] == 1,
        der=row[10],
        not_before=from_microseconds(row[11]),
        not_after=from_microseconds(row[12]),
        owner=row[13],
        requested_ttl_seconds=row[14],
        created_at=from_microseconds(row[15]),
        directory=row[16],
        renewed_from=row[17],
        revoked_at=None if row[18] is None else from_microseconds(row[18]),
        revocation_reason=None if row[19] is None else RevocationReason(row[19]),
        profile_version=row[20],
        key_hash=row[22],
        authority=row[-1],
    )


async def find_certificate(database: Database, tenant: Tenant, certificate_id: str) -> Certificate | None:
    """Return the certificate of this id in a project."""
    row = await database.read_one(
        _FIND, id=certificate_id, organization=tenant.organization, project=tenant.project
    )
    return None if row is None else certificate_of(row)


async def refetch_certificate(transaction: Transaction, certificate: Certificate) -> Certificate | None:
    """Return a certificate as it stands in this transaction."""
    row = await transaction.fetch_one(
        _FIND,
        id=certificate.id,
        organization=certificate.tenant.organization,
        project=certificate.tenant.project,
    )
    return None if row is None else certificate_of(row)


def insert_issued(
    transaction: Transaction,
    certificate: Certificate,
    authority: Authority,
    profile: Profile,
    otherwise: Callable[[], Exception],
) -> None:
    """Keep a new certificate; `otherwise()` ends it all if authority or profile changed meanwhile."""
    transaction.require(
        _INSERT_IF_UNCHANGED,
        otherwise,
        authority_version=authority.version,
        profile_id=profile.id,
        **{**_values(certificate), "profile_version": profile.version},
    )
    _insert_names(transaction, certificate)


async def insert_lost(transaction: Transaction, certificate: Certificate) -> None:
    """Keep a certificate of ours that was lost. Raises UniqueViolationError if it is there."""
    await transaction.execute(_INSERT, **_values(certificate))
    _insert_names(transaction, certificate)


async def insert_own(transaction: Transaction, certificate: Certificate) -> None:
    """Keep a certificate that no profile rules: the listener's own."""
    transaction.send(_INSERT, **_values(certificate))
    _insert_names(transaction, certificate)


def _values(certificate: Certificate) -> dict[str, Any]:
    return {
        "organization": certificate.tenant.organization,
        "project": certificate.tenant.project,
        "id": certificate.id,
        "authority": certificate.authority_id,
        "profile": certificate.profile,
        "serial_number": certificate.serial_number,
        "common_name": certificate.common_name,
        "names": msgspec.json.encode(certificate.names),
        "key_algorithm": certificate.key_algorithm.value,
        "has_server_made_key": int(certificate.has_server_made_key),
        "certificate": certificate.der,
        "not_before": to_microseconds(certificate.not_before),
        "not_after": to_microseconds(certificate.not_after),
        "owner": certificate.owner,
        "requested_ttl_seconds": certificate.requested_ttl_seconds,
        "created_at": to_microseconds(certificate.created_at),
        "directory": certificate.directory,
        "renewed_from": certificate.renewed_from,
        "revoked_at": None if certificate.revoked_at is None else to_microseconds(certificate.revoked_at),
        "revocation_reason": (
            None if certificate.revocation_reason is None else certificate.revocation_reason.value
        ),
        "profile_version": certificate.profile_version,
        "fingerprint": sha256(certificate.der).digest(),
        "key_hash": certificate.key_hash or key_hash_of(certificate.der),
    }


def key_hash_of(der: bytes) -> bytes:
    """Return SHA-256 over the key of a certificate."""
    return key_hash(load_der_x509_certificate(der).public_key())


def _insert_names(transaction: Transaction, certificate: Certificate) -> None:
    for position, name in enumerate(_searched(certificate)):
        value = name.value
        transaction.send(
            _INSERT_NAME,
            organization=certificate.tenant.organization,
            project=certificate.tenant.project,
            certificate=certificate.id,
            position=position,
            value=value.encode(),
            reversed=(reversed_labels(value) if name.kind is NameKind.DNS else value).encode(),
        )


def _searched(certificate: Certificate) -> Iterable[Name]:
    """Yield what the certificate is found by: its names, and a common name that is none of them."""
    yield from certificate.names
    common_name = certificate.common_name
    if common_name is not None and all(name.value != common_name for name in certificate.names):
        # Any kind but DNS keeps it whole.
        yield Name(NameKind.PRINCIPAL, common_name)


async def revoke_certificate(
    transaction: Transaction, certificate: Certificate, reason: RevocationReason
) -> bool:
    """Mark a certificate as revoked now; False if it was before."""
    changed = await transaction.execute(
        _REVOKE,
        id=certificate.id,
        organization=certificate.tenant.organization,
        project=certificate.tenant.project,
        revoked_at=to_microseconds(transaction.now),
        reason=reason.value,
    )
    return changed == 1


async def list_revoked(
    database: Database, authority: Authority, not_ended_before: datetime
) -> list[tuple[int, datetime, RevocationReason]]:
    """Return (serial, when, why) of what an authority's CRL tells: what had not ended before that time."""
    rows = await database.scan(
        _LIST_REVOKED,
        organization=authority.tenant.organization,
        project=authority.tenant.project,
        authority=authority.id,
        not_ended_before=to_microseconds(not_ended_before),
    )
    return [(int(serial, 16), from_microseconds(at), RevocationReason(reason)) for serial, at, reason in rows]
