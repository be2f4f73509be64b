"""Rows of imported certificates: written once, found as those of our own are."""

from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, insert, or_, select

from ca_service.database.port import Database, Row, Transaction
from ca_service.database.statement import Statement, statement
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.names import Name, NameKind
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.imports import ImportedCertificate
from ca_service.x509.inventory import InventoryQuery, NameMatch
from ca_service.x509.storage.certificates import reversed_labels
from ca_service.x509.storage.inventory import name_range
from ca_service.x509.storage.life_tables import IMPORTED_NAMES as NAMES
from ca_service.x509.storage.life_tables import IMPORTS as T

MARK = "imp_"
_MINE = (T.c.organization == bindparam("organization"), T.c.project == bindparam("project"))
_decode_names = msgspec.json.Decoder(tuple[Name, ...]).decode
_decode_chain = msgspec.json.Decoder(tuple[str, ...]).decode
_FIND = statement(select(T).where(*_MINE, T.c.id == bindparam("id")))
_INSERT = statement(insert(T).values({column.name: bindparam(column.name) for column in T.columns}))
_INSERT_NAME = statement(
    insert(NAMES).values({column.name: bindparam(column.name) for column in NAMES.columns})
)


def _named(*conditions: Any) -> Any:
    mine = (NAMES.c.organization == bindparam("organization"), NAMES.c.project == bindparam("project"))
    return T.c.id.in_(select(NAMES.c.certificate).where(*mine, *conditions))


_CONDITIONS: dict[str, Any] = {
    "serial_number": T.c.serial_number == bindparam("serial_number"),
    "fingerprint": T.c.fingerprint == bindparam("fingerprint"),
    "key_hash": T.c.key_hash == bindparam("key_hash"),
    "expires_before": T.c.not_after < bindparam("expires_before"),
    "expires_after": T.c.not_after > bindparam("expires_after"),
    CertificateStatus.IMPORTED.value: T.c.is_verified == 1,
    CertificateStatus.UNVERIFIED.value: T.c.is_verified == 0,
    NameMatch.EXACT.value: _named(NAMES.c.value == bindparam("name_from")),
    NameMatch.BEGINS.value: _named(
        NAMES.c.value >= bindparam("name_from"), NAMES.c.value < bindparam("name_to")
    ),
    NameMatch.BELOW.value: _named(
        NAMES.c.reversed >= bindparam("name_from"), NAMES.c.reversed < bindparam("name_to")
    ),
}
_AFTER: dict[str, Any] = {
    "created_at": T.c.id > bindparam("after_id"),
    "-created_at": T.c.id < bindparam("after_id"),
    "not_after": or_(
        T.c.not_after > bindparam("after"),
        and_(T.c.not_after == bindparam("after"), T.c.id > bindparam("after_id")),
    ),
    "-not_after": or_(
        T.c.not_after < bindparam("after"),
        and_(T.c.not_after == bindparam("after"), T.c.id < bindparam("after_id")),
    ),
}
_ORDER: dict[str, tuple[Any, ...]] = {
    "created_at": (T.c.id,),
    "-created_at": (T.c.id.desc(),),
    "not_after": (T.c.not_after, T.c.id),
    "-not_after": (T.c.not_after.desc(), T.c.id.desc()),
}


@lru_cache(maxsize=256)
def _search(order_by: str, conditions: tuple[str, ...], *, continues: bool) -> Statement:
    where = [_CONDITIONS[condition] for condition in conditions]
    if continues:
        where.append(_AFTER[order_by])
    return statement(
        select(T)
        .where(*_MINE, *where)
        .order_by(*_ORDER[order_by])
        .limit(bindparam("most", type_=T.c.created_at.type))
    )


def _imported(row: Row) -> ImportedCertificate:
    return ImportedCertificate(
        tenant=Tenant(OrganizationId(row[0]), ProjectId(row[1])),
        id=row[2],
        issuer=row[3],
        serial_number=row[4],
        common_name=row[5],
        names=_decode_names(row[6]),
        key_algorithm=row[7],
        der=row[8],
        chain_pem=_decode_chain(row[9]),
        is_verified=row[10] == 1,
        not_before=from_microseconds(row[11]),
        not_after=from_microseconds(row[12]),
        owner=row[13],
        created_at=from_microseconds(row[14]),
        fingerprint=row[15],
        key_hash=row[16],
    )


async def find_import(database: Database, tenant: Tenant, certificate_id: str) -> ImportedCertificate | None:
    """Return the imported certificate of this id in a project."""
    row = await database.read_one(
        _FIND, id=certificate_id, organization=tenant.organization, project=tenant.project
    )
    return None if row is None else _imported(row)


async def insert_import(transaction: Transaction, imported: ImportedCertificate) -> None:
    """Keep an imported certificate. Raises UniqueViolationError if it is kept already."""
    place = {"organization": imported.tenant.organization, "project": imported.tenant.project}
    await transaction.execute(
        _INSERT,
        id=imported.id,
        issuer=imported.issuer,
        serial_number=imported.serial_number,
        common_name=imported.common_name,
        names=msgspec.json.encode(imported.names),
        key_algorithm=imported.key_algorithm,
        certificate=imported.der,
        chain=msgspec.json.encode(imported.chain_pem),
        is_verified=int(imported.is_verified),
        not_before=to_microseconds(imported.not_before),
        not_after=to_microseconds(imported.not_after),
        owner=imported.owner,
        created_at=to_microseconds(imported.created_at),
        fingerprint=imported.fingerprint,
        key_hash=imported.key_hash,
        **place,
    )
    searched = dict.fromkeys(
        (name.value, reversed_labels(name.value) if name.kind is NameKind.DNS else name.value)
        for name in imported.names
    )
    if imported.common_name is not None:
        searched[imported.common_name, imported.common_name] = None
    for position, (value, backwards) in enumerate(searched):
        transaction.send(
            _INSERT_NAME,
            certificate=imported.id,
            position=position,
            value=value.encode(),
            reversed=backwards.encode(),
            **place,
        )


async def search_imports(
    database: Database, tenant: Tenant, query: InventoryQuery, *, most: int
) -> list[ImportedCertificate]:
    """Return at most `most` imported certificates of a project in the order of the query."""
    if not query.covers_imports:
        return []
    given: dict[str, Any] = {
        "serial_number": query.serial_number,
        "fingerprint": query.fingerprint,
        "key_hash": query.key_hash,
        "expires_before": None if query.expires_before is None else to_microseconds(query.expires_before),
        "expires_after": None if query.expires_after is None else to_microseconds(query.expires_after),
    }
    values = {name: value for name, value in given.items() if value is not None}
    conditions = list(values)
    if query.status is not None:
        conditions.append(query.status.value)
    if query.name is not None:
        conditions.append(query.name.match.value)
        values |= name_range(query.name.match, query.name.text)
    if query.after is not None:
        values["after_id"] = query.after.id_in(MARK)
        if query.order_by.endswith("not_after"):
            values["after"] = query.after.key
    rows = await database.scan(
        _search(query.order_by, tuple(conditions), continues=query.after is not None),
        organization=tenant.organization,
        project=tenant.project,
        most=most,
        **values,
    )
    return [_imported(row) for row in rows]
