"""Searching the inventory: one statement for each shape of filter, keyset paging, names by index scan."""

from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, or_, select

from ca_service.database.port import Database
from ca_service.database.statement import Statement, statement
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.certificates import Certificate, CertificateStatus
from ca_service.x509.inventory import InventoryQuery, NameMatch
from ca_service.x509.storage.certificates import JOINED, MINE, SELECTED, certificate_of, reversed_labels
from ca_service.x509.storage.tables import CERTIFICATES as T
from ca_service.x509.storage.tables import NAMES

_CONDITIONS: dict[str, Any] = {
    "serial_number": T.c.serial_number == bindparam("serial_number"),
    "profile": T.c.profile == bindparam("profile"),
    "authority": T.c.authority == bindparam("authority"),
    "expires_before": T.c.not_after < bindparam("expires_before"),
    CertificateStatus.REVOKED.value: T.c.revoked_at.is_not(None),
    CertificateStatus.VALID.value: and_(T.c.revoked_at.is_(None), T.c.not_after >= bindparam("now")),
    CertificateStatus.EXPIRED.value: and_(T.c.revoked_at.is_(None), T.c.not_after < bindparam("now")),
}


def _named(*conditions: Any) -> Any:
    mine = (NAMES.c.organization == bindparam("organization"), NAMES.c.project == bindparam("project"))
    return T.c.id.in_(select(NAMES.c.certificate).where(*mine, *conditions))


_CONDITIONS |= {
    NameMatch.EXACT.value: _named(NAMES.c.value == bindparam("name_from")),
    NameMatch.BEGINS.value: _named(
        NAMES.c.value >= bindparam("name_from"), NAMES.c.value < bindparam("name_to")
    ),
    NameMatch.BELOW.value: _named(
        NAMES.c.reversed >= bindparam("name_from"), NAMES.c.reversed < bindparam("name_to")
    ),
}

#: Ids are sorted by birth, so `created_at` is the order of the primary key.
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
        select(*SELECTED)
        .select_from(JOINED)
        .where(*MINE, *where)
        .order_by(*_ORDER[order_by])
        .limit(bindparam("most", type_=T.c.created_at.type))
    )


async def search_certificates(
    database: Database, tenant: Tenant, query: InventoryQuery, *, most: int
) -> list[Certificate]:
    """Return at most `most` certificates of a project in the order of the query."""
    conditions, values = _conditions(query)
    if query.after is not None:
        values["after_id"] = query.after.id
        if query.order_by.endswith("not_after"):
            values["after"] = query.after.key
    rows = await database.scan(
        _search(query.order_by, conditions, continues=query.after is not None),
        organization=tenant.organization,
        project=tenant.project,
        most=most,
        **values,
    )
    return [certificate_of(row) for row in rows]


def _conditions(query: InventoryQuery) -> tuple[tuple[str, ...], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for name, value in (
        ("serial_number", query.serial_number),
        ("profile", query.profile),
        ("authority", query.authority_id),
        ("expires_before", None if query.expires_before is None else to_microseconds(query.expires_before)),
    ):
        if value is not None:
            conditions.append(name)
            values[name] = value
    if query.status is not None:
        conditions.append(query.status.value)
        if query.status is not CertificateStatus.REVOKED:
            values["now"] = to_microseconds(query.now)
    if query.name is not None:
        conditions.append(query.name.match.value)
        values |= _name_range(query.name.match, query.name.text)
    return tuple(conditions), values


def _name_range(match: NameMatch, text: str) -> dict[str, bytes]:
    if match is NameMatch.EXACT:
        return {"name_from": text.encode()}
    prefix = (reversed_labels(text) if match is NameMatch.BELOW else text).encode() + b"."
    # The byte after the dot ends the range of everything that begins with the prefix.
    return {"name_from": prefix, "name_to": prefix[:-1] + b"/"}
