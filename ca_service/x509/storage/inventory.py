"""Searching the inventory: one statement for each shape of filter, keyset paging, names by index scan."""

from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select

from ca_service.database.port import Database
from ca_service.database.statement import Statement, any_of, statement
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.authorities import AUTHORITY_PROFILE
from ca_service.x509.certificates import Certificate, CertificateStatus
from ca_service.x509.inventory import InventoryQuery, NameMatch
from ca_service.x509.ocsp_delegates import DELEGATE_PROFILE
from ca_service.x509.storage.certificates import JOINED, MINE, SELECTED, certificate_of, reversed_labels
from ca_service.x509.storage.tables import CERTIFICATES as T
from ca_service.x509.storage.tables import NAMES

MARK = "crt_"
_ISSUED = "issued"
_LOOKED_UP = T.alias("looked_up")


def _looked_up(name: str) -> Any:
    """Return the few that have one value, found on their own: SQLite would rather read all in their order."""
    mine = (
        _LOOKED_UP.c.organization == bindparam("organization"),
        _LOOKED_UP.c.project == bindparam("project"),
    )
    return T.c.id.in_(select(_LOOKED_UP.c.id).where(*mine, _LOOKED_UP.c[name] == bindparam(name)))


_CONDITIONS: dict[str, Any] = {
    "serial_number": _looked_up("serial_number"),
    "profile": T.c.profile == bindparam("profile"),
    "authority": T.c.authority == bindparam("authority"),
    "expires_before": T.c.not_after < bindparam("expires_before"),
    "expires_after": T.c.not_after > bindparam("expires_after"),
    "fingerprint": _looked_up("fingerprint"),
    "key_hash": _looked_up("key_hash"),
    _ISSUED: T.c.profile.not_in([AUTHORITY_PROFILE, DELEGATE_PROFILE]),
    CertificateStatus.REVOKED.value: T.c.revoked_at.is_not(None),
    CertificateStatus.VALID.value: and_(T.c.revoked_at.is_(None), T.c.not_after >= bindparam("now")),
    CertificateStatus.EXPIRED.value: and_(T.c.revoked_at.is_(None), T.c.not_after < bindparam("now")),
}


def _named(*conditions: Any) -> Any:
    mine = (NAMES.c.organization == bindparam("organization"), NAMES.c.project == bindparam("project"))
    return T.c.id.in_(select(NAMES.c.certificate).where(*mine, *conditions))


def _named_one_by_one(*conditions: Any) -> Any:
    mine = (
        NAMES.c.organization == T.c.organization,
        NAMES.c.project == T.c.project,
        NAMES.c.certificate == T.c.id,
    )
    # A scalar, which no planner turns into a join over all names.
    return select(NAMES.c.position).where(*mine, *conditions).limit(1).scalar_subquery().is_not(None)


_SEARCHED = {NameMatch.BEGINS: NAMES.c.value, NameMatch.BELOW: NAMES.c.reversed}


def _within(column: Any) -> tuple[Any, ...]:
    start, end = (bindparam(name, type_=NAMES.c.value.type) for name in ("name_from", "name_to"))
    return column >= start, column < end


def _having(match: NameMatch) -> Any:
    """Return the certificates that have such a name, as PostgreSQL finds them on their own.

    Behind an offset they are not mixed with the search around them, for which it knows no sizes.
    """
    return (
        select(NAMES.c.certificate)
        .where(
            NAMES.c.organization == bindparam("organization"),
            NAMES.c.project == bindparam("project"),
            *_within(_SEARCHED[match]),
        )
        .offset(0)
        .subquery()
    )


_CONDITIONS[NameMatch.EXACT.value] = _named(NAMES.c.value == bindparam("name_from"))
for _match, _column in _SEARCHED.items():
    # In no form that an index over all names could be read by: each has few.
    _CONDITIONS[f"{_match.value}-often"] = _named_one_by_one(*_within(func.coalesce(_column, _column)))
_PROBES = {
    match: statement(
        select(func.count()).select_from(
            select(NAMES.c.position)
            .where(
                NAMES.c.organization == bindparam("organization"),
                NAMES.c.project == bindparam("project"),
                *_within(column),
            )
            .limit(bindparam("most", type_=T.c.created_at.type))
            .subquery()
        )
    )
    for match, column in _SEARCHED.items()
}
_LIST_HAVING = {
    match: statement(
        select(NAMES.c.certificate)
        .where(
            NAMES.c.organization == bindparam("organization"),
            NAMES.c.project == bindparam("project"),
            *_within(column),
        )
        .limit(bindparam("most", type_=T.c.created_at.type))
    )
    for match, column in _SEARCHED.items()
}
_AMONG = "among"
_CONDITIONS[_AMONG] = any_of(T.c.id, "ids")
#: Up to so many names a page is cut out of the names alone, or, with other filters, out of what has them.
#: Beyond, certificates are looked at in their order until the page is full: so many have such a name.
_OFTEN = 10_000
_OFTEN_AMONG = 2_000

#: Ids are sorted by birth, so `created_at` is the order of the primary key.
_AFTER: dict[str, Any] = {
    "created_at": T.c.id > bindparam("after_id"),
    "-created_at": T.c.id < bindparam("after_id"),
    # Each repeated as one range, which is what an index is read by.
    "not_after": and_(
        T.c.not_after >= bindparam("after"),
        or_(T.c.not_after > bindparam("after"), T.c.id > bindparam("after_id")),
    ),
    "-not_after": and_(
        T.c.not_after <= bindparam("after"),
        or_(T.c.not_after < bindparam("after"), T.c.id < bindparam("after_id")),
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


@lru_cache(maxsize=16)
def _first_named(order_by: str, match: NameMatch, *, continues: bool) -> Statement:
    """Return the search for a name alone, in the order of births: the page is found among the names."""
    certificate = _having(match).c.certificate
    is_falling = order_by == "-created_at"
    named = select(certificate)
    if continues:
        after = bindparam("after_id", type_=T.c.id.type)
        named = named.where(certificate < after if is_falling else certificate > after)
    page = (
        named.distinct()
        .order_by(certificate.desc() if is_falling else certificate)
        .limit(bindparam("most", type_=T.c.created_at.type))
    )
    return statement(
        select(*SELECTED).select_from(JOINED).where(*MINE, T.c.id.in_(page)).order_by(*_ORDER[order_by])
    )


async def _search_for(
    database: Database, tenant: Tenant, query: InventoryQuery
) -> tuple[Statement, dict[str, Any]]:
    """Return the statement of a search with its values; how names are found depends on how many have them."""
    continues = query.after is not None
    conditions, values = _conditions(query)
    name = query.name
    if name is None or name.match not in _SEARCHED:
        return _search(query.order_by, conditions, continues=continues), values
    match, place = name.match, {"organization": tenant.organization, "project": tenant.project}
    within = name_range(match, name.text)
    if conditions == (match.value,) and query.order_by.endswith("created_at"):
        counted = await database.scan(_PROBES[match], most=_OFTEN + 1, **within, **place)
        if int(counted[0][0]) <= _OFTEN:
            return _first_named(query.order_by, match, continues=continues), values
        return _search(query.order_by, (f"{match.value}-often",), continues=continues), values
    having = await database.scan(_LIST_HAVING[match], most=_OFTEN_AMONG + 1, **within, **place)
    others = tuple(condition for condition in conditions if condition != match.value)
    if len(having) > _OFTEN_AMONG:
        often = (*others, f"{match.value}-often")
        return _search(query.order_by, often, continues=continues), values
    values = {key: value for key, value in values.items() if key not in within}
    values["ids"] = sorted({row[0] for row in having})
    return _search(query.order_by, (*others, _AMONG), continues=continues), values


async def search_certificates(
    database: Database, tenant: Tenant, query: InventoryQuery, *, most: int
) -> list[Certificate]:
    """Return at most `most` certificates of a project in the order of the query."""
    if not query.covers_own:
        return []
    found_by, values = await _search_for(database, tenant, query)
    if query.after is not None:
        values["after_id"] = query.after.id_in(MARK)
        if query.order_by.endswith("not_after"):
            values["after"] = query.after.key
    rows = await database.scan(
        found_by,
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
        ("expires_after", None if query.expires_after is None else to_microseconds(query.expires_after)),
        ("fingerprint", query.fingerprint),
        ("key_hash", query.key_hash),
    ):
        if value is not None:
            conditions.append(name)
            values[name] = value
    if query.status is not None:
        conditions.append(query.status.value)
        if query.status is not CertificateStatus.REVOKED:
            values["now"] = to_microseconds(query.now)
    if query.is_of_issued:
        conditions.append(_ISSUED)
    if query.name is not None:
        conditions.append(query.name.match.value)
        values |= name_range(query.name.match, query.name.text)
    return tuple(conditions), values


def name_range(match: NameMatch, text: str) -> dict[str, bytes]:
    """Return the parameters of a search for a name."""
    if match is NameMatch.EXACT:
        return {"name_from": text.encode()}
    prefix = (reversed_labels(text) if match is NameMatch.BELOW else text).encode() + b"."
    # The byte after the dot ends the range of everything that begins with the prefix.
    return {"name_from": prefix, "name_to": prefix[:-1] + b"/"}
