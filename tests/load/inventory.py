"""What a page of the inventory costs at a million certificates: `python -m tests.load.inventory [COUNT]`.

Fills a PostgreSQL of its own, with the settings that Debian's package comes with, and prints for each search
the median and the slowest of several pages in milliseconds. Ends with status 1 above 20 ms.
"""

import asyncio
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Column, LargeBinary, Table, Text

from ca_service.database.migration import migrate
from ca_service.database.open import open_database
from ca_service.database.port import Database
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.inventory import InventoryQuery, NameMatch, NameQuery, Position
from ca_service.x509.storage.inventory import MARK, search_certificates
from ca_service.x509.storage.tables import AUTHORITIES, CERTIFICATES, NAMES
from tests.support.postgresql import PostgresqlCluster

TENANT = Tenant(OrganizationId("org_load"), ProjectId("prj_load"))
_PAGE = 101
_ROUNDS = 7
_PROMISED = 20.0
_DAY = 86_400_000_000
#: Births over 400 days, lives of 47 days; three in a hundred are revoked, one in ten renews another. Those of
#: the small profile and of the small authority are the oldest: the farthest from where a list begins.
_FILL = """
INSERT INTO x509_certificates (organization, project, id, authority, profile, serial_number, common_name,
  names, key_algorithm, has_server_made_key, certificate, not_before, not_after, owner, requested_ttl_seconds,
  created_at, renewed_from, revoked_at, revocation_reason, profile_version, fingerprint, key_hash)
SELECT 'org_load', 'prj_load', 'crt_' || lpad(to_hex(n), 26, '0'),
  CASE WHEN n < 500 THEN 'ca_small' ELSE 'ca_big' END, CASE WHEN n < 500 THEN 'small' ELSE 'server' END,
  md5(n::text), NULL, '[]'::bytea, 'EC_P256', 0, decode(repeat(md5(n::text), 40), 'hex'),
  born, born + 47 * {day}, 'Identity::"idn_' || n % 1000 || '"', 4060800, born,
  CASE WHEN n % 10 = 1 THEN 'crt_' || lpad(to_hex(n - 1), 26, '0') END,
  CASE WHEN n % 33 = 0 THEN born + {day} END, CASE WHEN n % 33 = 0 THEN 'superseded' END, 1,
  sha256(n::text::bytea), sha256(('k' || n)::bytea)
FROM (SELECT n, {now} - 400 * {day} + n * (400 * {day} / {count}) AS born
      FROM generate_series(1, {count}) AS n) AS born
"""
_FILL_NAMES = """
INSERT INTO x509_certificate_names (organization, project, certificate, position, value, reversed)
SELECT 'org_load', 'prj_load', 'crt_' || lpad(to_hex(n), 26, '0'), 0,
  ('h' || n || '.s' || n % 1000 || '.example.com')::bytea,
  ('com.example.s' || n % 1000 || '.h' || n)::bytea
FROM generate_series(1, {count}) AS n
"""


def _dummy(column: Column[Any]) -> Any:
    if isinstance(column.type, Text):
        return ""
    return b"" if isinstance(column.type, LargeBinary) else 0


def _insert_authority(session: psycopg.Connection[Any], table: Table, id_: str) -> None:
    row = {column.name: _dummy(column) for column in table.columns if not column.nullable}
    row |= {"organization": TENANT.organization, "project": TENANT.project, "id": id_, "name": id_}
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )
    session.execute(statement, list(row.values()))


def _fill(url: str, count: int, now: int) -> None:
    """Write the rows, without asking for each whether its authority is there."""
    with psycopg.connect(url) as session:
        session.execute("SET session_replication_role = replica")
        for authority in ("ca_small", "ca_big"):
            _insert_authority(session, AUTHORITIES, authority)
        values = {"count": sql.Literal(count), "now": sql.Literal(now), "day": sql.Literal(_DAY)}
        for text in (_FILL, _FILL_NAMES):
            session.execute(sql.SQL(text).format(**values))
    with psycopg.connect(url, autocommit=True) as session:
        for table in (CERTIFICATES, NAMES):
            session.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table.name)))


def _searches(database: Database, count: int) -> dict[str, InventoryQuery]:
    now, middle = database.now(), count // 2

    def query(**fields: Any) -> InventoryQuery:
        return InventoryQuery(now=now, **fields)

    by_end = Position("not_after", int((now - timedelta(days=20)).timestamp() * 1e6), f"{MARK}0")
    by_birth = Position("-created_at", 0, f"{MARK}{middle:026x}")
    return {
        "the newest": query(),
        "a page in the middle": query(after=by_birth),
        "a page in the middle by end": query(order_by="not_after", after=by_end),
        "a name": query(name=NameQuery(NameMatch.EXACT, f"h{middle}.s{middle % 1000}.example.com")),
        "a name that is not there": query(name=NameQuery(NameMatch.EXACT, "nowhere.example.com")),
        "all below a name": query(name=NameQuery(NameMatch.BELOW, "s77.example.com")),
        "all below a name that nearly all have": query(name=NameQuery(NameMatch.BELOW, "example.com")),
        "all that begin": query(name=NameQuery(NameMatch.BEGINS, f"h{middle}")),
        "a serial number": query(serial_number=_md5(middle)),
        "a fingerprint": query(fingerprint=_sha(str(middle))),
        "a key": query(key_hash=_sha(f"k{middle}")),
        "the large profile": query(profile="server"),
        "the small profile": query(profile="small"),
        "a profile that is not there": query(profile="nothing"),
        "the small authority": query(authority_id="ca_small"),
        "valid": query(status=CertificateStatus.VALID),
        "valid, first end first": query(status=CertificateStatus.VALID, order_by="not_after"),
        "revoked": query(status=CertificateStatus.REVOKED),
        "revoked, in the middle": query(status=CertificateStatus.REVOKED, after=by_birth),
        "expired, last end first": query(status=CertificateStatus.EXPIRED, order_by="-not_after"),
        "ends within 14 days": query(
            status=CertificateStatus.VALID, expires_before=now + timedelta(days=14), order_by="not_after"
        ),
        "valid of the small profile": query(status=CertificateStatus.VALID, profile="small"),
        "revoked below a name": query(
            status=CertificateStatus.REVOKED, name=NameQuery(NameMatch.BELOW, "s77.example.com")
        ),
    }


def _md5(number: int) -> str:
    from hashlib import md5

    return md5(str(number).encode(), usedforsecurity=False).hexdigest()


def _sha(text: str) -> bytes:
    from hashlib import sha256

    return sha256(text.encode()).digest()


async def _measure(url: str, count: int) -> bool:
    database = await open_database(url, SystemClock())
    slowest = 0.0
    try:
        for name, query in _searches(database, count).items():
            found, took = 0, []
            for _ in range(_ROUNDS):
                began = time.perf_counter()
                found = len(await search_certificates(database, TENANT, query, most=_PAGE))
                took.append((time.perf_counter() - began) * 1e3)
            slowest = max(slowest, statistics.median(took))
            print(f"{name:40} {statistics.median(took):8.2f} ms {max(took):8.2f} ms {found:4} rows")
    finally:
        await database.close()
    print(f"promised: {_PROMISED:g} ms; the slowest median: {slowest:.2f} ms")
    return slowest <= _PROMISED


def main() -> None:
    """Fill, measure, and end with status 1 if a page is slower than promised."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    cluster = PostgresqlCluster(durable=True)
    try:
        url = cluster.create_database("inventory")
        migrate(url)
        began = time.perf_counter()
        _fill(url, count, int(time.time() * 1e6))
        print(f"{count} certificates filled in {time.perf_counter() - began:.0f} s", flush=True)
        is_kept = asyncio.run(_measure(url, count))
    finally:
        cluster.close()
    if not is_kept:
        sys.exit(1)


if __name__ == "__main__":
    main()
