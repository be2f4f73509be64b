"""The tables. Ids of a tenant's rows are found with the tenant only; public artefacts by their opaque id.

Names are kept as bytes, as they are and reversed by label, so that `example.*` and `*.example.com` are scans
of an index in byte order on both engines, whatever the collation.
"""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, LargeBinary, SmallInteger, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from ca_service.database.metadata import METADATA

AUTHORITIES = Table(
    "x509_authorities",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("parent", Text),
    Column("key_id", Text, nullable=False),
    Column("key_algorithm", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Unique("organization", "project", "name"),
    Unique("id"),
)

PROFILES = Table(
    "x509_profiles",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Unique("organization", "project", "name"),
)

CERTIFICATES = Table(
    "x509_certificates",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("authority", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("common_name", Text),
    Column("names", LargeBinary, nullable=False),
    Column("key_algorithm", Text, nullable=False),
    Column("has_server_made_key", SmallInteger, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("requested_ttl_seconds", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("directory", Text),
    Column("renewed_from", Text),
    Column("revoked_at", BigInteger),
    Column("revocation_reason", Text),
    Unique("organization", "project", "serial_number", "authority"),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
)
Index(
    "ix_x509_certificates_end",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.not_after,
    CERTIFICATES.c.id,
)
Index(
    "ix_x509_certificates_revoked",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.authority,
    CERTIFICATES.c.not_after,
    sqlite_where=CERTIFICATES.c.revoked_at.is_not(None),
    postgresql_where=CERTIFICATES.c.revoked_at.is_not(None),
)

NAMES = Table(
    "x509_certificate_names",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("certificate", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("reversed", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "certificate"],
        ["x509_certificates.organization", "x509_certificates.project", "x509_certificates.id"],
    ),
)
Index(
    "ix_x509_certificate_names_value",
    NAMES.c.organization,
    NAMES.c.project,
    NAMES.c.value,
    NAMES.c.certificate,
)
Index(
    "ix_x509_certificate_names_reversed",
    NAMES.c.organization,
    NAMES.c.project,
    NAMES.c.reversed,
    NAMES.c.certificate,
)

#: One row for each authority. `wanted` counts what a CRL must tell, `published` how far the published one
#: does.
REVOCATION_LISTS = Table(
    "x509_revocation_lists",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("authority", Text, primary_key=True),
    Column("last_number", BigInteger, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("this_update", BigInteger, nullable=False),
    Column("next_update", BigInteger, nullable=False),
    Unique("authority"),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
)
