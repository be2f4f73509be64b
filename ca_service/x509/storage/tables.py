"""The tables. Ids of a tenant's rows are found with the tenant only; public artefacts by their opaque id.

Names are kept as bytes, as they are and reversed by label, so that `example.*` and `*.example.com` are scans
of an index in byte order on both engines, whatever the collation.
"""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, LargeBinary, SmallInteger, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from ca_service.database.engines import only_where
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
    Column("external_chain", LargeBinary),
    Column("predecessor", Text),
    Column("csr", LargeBinary),
    Unique("organization", "project", "name"),
    Unique("id"),
)

#: Other certificates for the key and name of an authority, by other issuers.
CROSS_CERTIFICATES = Table(
    "x509_cross_certificates",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("authority", Text, nullable=False),
    Column("issuer", Text),
    Column("certificate", Text),
    Column("der", LargeBinary, nullable=False),
    Column("external_chain", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
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

#: Every version that a profile has had, each under the MAC that it had then.
PROFILE_VERSIONS = Table(
    "x509_profile_versions",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("profile", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "profile"],
        ["x509_profiles.organization", "x509_profiles.project", "x509_profiles.id"],
    ),
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
    Column("profile_version", BigInteger),
    # SHA-256 of the certificate and of its SubjectPublicKeyInfo; older rows are filled in the background.
    Column("fingerprint", LargeBinary),
    Column("key_hash", LargeBinary),
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
    **only_where(CERTIFICATES.c.revoked_at.is_not(None)),
)
Index(
    "ix_x509_certificates_fingerprint",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.fingerprint,
)
Index(
    "ix_x509_certificates_key_hash",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.key_hash,
)
#: Pages of the inventory by profile and by authority, in the order of births.
Index(
    "ix_x509_certificates_profile",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.profile,
    CERTIFICATES.c.id,
)
Index(
    "ix_x509_certificates_authority",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.authority,
    CERTIFICATES.c.id,
)
Index(
    "ix_x509_certificates_taken_back",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.id,
    **only_where(CERTIFICATES.c.revoked_at.is_not(None)),
)
Index(
    "ix_x509_certificates_renewed_from",
    CERTIFICATES.c.organization,
    CERTIFICATES.c.project,
    CERTIFICATES.c.renewed_from,
    **only_where(CERTIFICATES.c.renewed_from.is_not(None)),
)
#: Empty but for rows of a release that did not know fingerprints.
Index(
    "ix_x509_certificates_unfilled",
    CERTIFICATES.c.id,
    **only_where(CERTIFICATES.c.fingerprint.is_(None)),
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
    Column("rebuilt_at", BigInteger),
    Column("entries", BigInteger),
    Column("leased_until", BigInteger),
    Column("mac", LargeBinary),
    Unique("authority"),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
)

#: Lists beside the complete one: shards, by their number. `wanted` is the position of their last entry.
REVOCATION_LIST_PARTS = Table(
    "x509_revocation_list_parts",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("authority", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("last_number", BigInteger, nullable=False),
    Column("wanted", BigInteger, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("this_update", BigInteger, nullable=False),
    Column("next_update", BigInteger, nullable=False),
    Column("rebuilt_at", BigInteger),
    Column("entries", BigInteger),
    Column("leased_until", BigInteger),
    Column("mac", LargeBinary),
    Unique("authority", "part"),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
)

#: What lists tell, encoded at the revocation. `position` counts the revocations of an authority without a
#: gap, as `wanted` of its complete list does; `part` is the shard that the certificate names, empty for none.
REVOKED_ENTRIES = Table(
    "x509_revoked_entries",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("authority", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("serial_number", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Unique(
        "organization",
        "project",
        "authority",
        "serial_number",
        name="uq_x509_revoked_entries_serial_number",
    ),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
)
Index(
    "ix_x509_revoked_entries_part",
    REVOKED_ENTRIES.c.organization,
    REVOKED_ENTRIES.c.project,
    REVOKED_ENTRIES.c.authority,
    REVOKED_ENTRIES.c.part,
    REVOKED_ENTRIES.c.position,
)

#: How an authority tells the status of what it issued; one without a row does as `Publishing()` says.
PUBLISHING = Table(
    "x509_publishing",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("authority", Text, primary_key=True),
    Column("settings", LargeBinary, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
)

#: Delegated OCSP responders; the newest generation answers.
OCSP_RESPONDERS = Table(
    "x509_ocsp_responders",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("authority", Text, primary_key=True),
    Column("generation", BigInteger, primary_key=True, autoincrement=False),
    Column("key_id", Text, nullable=False),
    Column("certificate", Text, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("renew_at", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "authority"],
        ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
    ),
    ForeignKeyConstraint(
        ["organization", "project", "certificate"],
        ["x509_certificates.organization", "x509_certificates.project", "x509_certificates.id"],
    ),
)

#: Keys that are never certified: blocked in an organization or everywhere (`reach`), or held by an account.
REFUSED_KEYS = Table(
    "x509_refused_keys",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("key_hash", LargeBinary, nullable=False),
    Column("reach", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Unique("key_hash", "organization", "project", "holder", "reach"),
)
