"""The tables. Rows are found with their tenant only."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from ca_service.database.metadata import METADATA

#: `version` is the newest of the key's material, `revision` counts the changes of this row.
KEYS = Table(
    "kms_keys",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("is_enabled", SmallInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("minimum_version", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deletes_at", BigInteger),
    Column("revision", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("organization", "project", "name", name="uq_kms_keys_name"),
    Index("ix_kms_keys_deletes_at", "deletes_at"),
)

#: The material, sealed for exactly this key and version; `public_key` is empty for a symmetric key.
KEY_VERSIONS = Table(
    "kms_key_versions",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "key"], ["kms_keys.organization", "kms_keys.project", "kms_keys.id"]
    ),
)
