"""The tables of a certificate's later life: kept keys, mass revocations, imports, channels and deliveries."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, LargeBinary, SmallInteger, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from ca_service.database.engines import only_where
from ca_service.database.metadata import METADATA

#: Subjects' keys, sealed. `renew_at` is when the next renewal is tried; NULL once one was made, or where none
#: is.
KEPT_KEYS = Table(
    "x509_kept_keys",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("certificate", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("renew_at", BigInteger),
    Column("renewed_by", Text),
    Column("attempts", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "certificate"],
        ["x509_certificates.organization", "x509_certificates.project", "x509_certificates.id"],
    ),
)
Index(
    "ix_x509_kept_keys_renew_at",
    KEPT_KEYS.c.renew_at,
    **only_where(KEPT_KEYS.c.renew_at.is_not(None)),
)

#: Mass revocations: what is meant, how many there were, how far it came. `after_id` is the last one looked
#: at.
REVOCATIONS = Table(
    "x509_revocations",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("selector", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("after_id", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

#: Certificates of authorities that are not ours; `is_verified` tells that their chain led to its end.
IMPORTS = Table(
    "x509_imported_certificates",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("common_name", Text),
    Column("names", LargeBinary, nullable=False),
    Column("key_algorithm", Text, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("is_verified", SmallInteger, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Unique("organization", "project", "fingerprint"),
)
Index(
    "ix_x509_imported_certificates_end",
    IMPORTS.c.organization,
    IMPORTS.c.project,
    IMPORTS.c.not_after,
    IMPORTS.c.id,
)

IMPORTED_NAMES = Table(
    "x509_imported_names",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("certificate", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("reversed", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "certificate"],
        [
            "x509_imported_certificates.organization",
            "x509_imported_certificates.project",
            "x509_imported_certificates.id",
        ],
    ),
)
Index(
    "ix_x509_imported_names_value",
    IMPORTED_NAMES.c.organization,
    IMPORTED_NAMES.c.project,
    IMPORTED_NAMES.c.value,
)
Index(
    "ix_x509_imported_names_reversed",
    IMPORTED_NAMES.c.organization,
    IMPORTED_NAMES.c.project,
    IMPORTED_NAMES.c.reversed,
)

#: Where events are told. `expiry_after` and `expiry_after_id` say up to which end of life that was done.
CHANNELS = Table(
    "x509_channels",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),
    Column("sealed", LargeBinary),
    Column("expiry_after", BigInteger, nullable=False),
    Column("expiry_after_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Unique("organization", "project", "name"),
)

#: The outbox and the log of what went out: written with the event, settled by a job.
DELIVERIES = Table(
    "x509_deliveries",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("answer_status", BigInteger),
    Column("last_error", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    ForeignKeyConstraint(
        ["organization", "project", "channel"],
        ["x509_channels.organization", "x509_channels.project", "x509_channels.id"],
    ),
)
Index(
    "ix_x509_deliveries_channel",
    DELIVERIES.c.organization,
    DELIVERIES.c.project,
    DELIVERIES.c.channel,
    DELIVERIES.c.id,
)
Index("ix_x509_deliveries_created_at", DELIVERIES.c.created_at)
