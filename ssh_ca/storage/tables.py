"""The tables. Rows are found with their tenant only."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from ca_service.database.engines import only_where
from ca_service.database.metadata import METADATA

#: `next_serial_number` only rises. `epoch` says which block of 2^40 numbers it is in (S6).
AUTHORITIES = Table(
    "ssh_authorities",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("key_algorithm", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("next_serial_number", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    # The id of another authority, and when the status was last changed; neither grants anything.
    Column("succeeds", Text),
    Column("status_since", BigInteger),
    UniqueConstraint("organization", "project", "name"),
    UniqueConstraint("id"),
)

PROFILES = Table(
    "ssh_profiles",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("organization", "project", "name"),
)

CERTIFICATES = Table(
    "ssh_certificates",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("authority", Text, nullable=False),
    Column("serial_number", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("principals", LargeBinary, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("caller", Text, nullable=False),
    Column("valid_after", BigInteger, nullable=False),
    Column("valid_before", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["ssh_authorities.organization", "ssh_authorities.project", "ssh_authorities.id"],
    ),
    UniqueConstraint(
        "organization", "project", "authority", "serial_number", name="uq_ssh_certificates_serial_number"
    ),
    Index("ix_ssh_certificates_key_id", "organization", "project", "key_id", "id"),
    Index("ix_ssh_certificates_fingerprint", "organization", "project", "fingerprint"),
    Index("ix_ssh_certificates_caller", "organization", "project", "caller"),
)
# A key revocation list reads nothing but this index.
Index(
    "ix_ssh_certificates_revoked",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.valid_before,
    CERTIFICATES.c.authority,
    CERTIFICATES.c.serial_number,
    **only_where(CERTIFICATES.c.revoked_at.is_not(None)),
)

PRINCIPALS = Table(
    "ssh_certificate_principals",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    # Before the certificate, so that the key is also the index by which a principal is found.
    Column("principal", Text, primary_key=True),
    Column("certificate", Text, primary_key=True),
    ForeignKeyConstraint(
        ["organization", "project", "certificate"],
        ["ssh_certificates.organization", "ssh_certificates.project", "ssh_certificates.id"],
    ),
)

#: What a revocation list says beside the certificates of the inventory. `kind` is `serial_number` (decimal,
#: of `authority`) for a number the inventory lost, `public_key` (its fingerprint) or `key_id`; for these two,
#: which are never certified again, `authority` is empty.
REVOCATIONS = Table(
    "ssh_revocations",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("authority", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
)

#: One row for each project with authorities. `wanted` counts what the list must tell, `published` how far the
#: published one does. `version` is 0 and `content` empty until the first is published.
REVOCATION_LISTS = Table(
    "ssh_revocation_lists",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("last_version", BigInteger, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("published_at", BigInteger, nullable=False),
)
