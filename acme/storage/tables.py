"""The tables of ACME; every row of a tenant carries organization, project and directory (S2, S12)."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ca_service.database.engines import only_where
from ca_service.database.metadata import METADATA


def _owned(*, by_account: bool = True) -> list[Column[str]]:
    names = ["organization", "project", "directory"] + (["account"] if by_account else [])
    return [Column(name, Text, nullable=False) for name in names]


DIRECTORIES = Table(
    "acme_directories",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("organization", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("slug", Text, nullable=False, unique=True),
    Column("profile", Text, nullable=False),
    Column("authority", Text, nullable=True),
    Column("eab", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # JSON of `DirectoryRules`; none: written before there were any, so all defaults.
    Column("rules", LargeBinary, nullable=True),
    Column("updated_at", BigInteger, nullable=True),
    # A deleted directory keeps its row: slugs are never used again.
    Column("deleted_at", BigInteger, nullable=True),
)

ACCOUNTS = Table(
    "acme_accounts",
    METADATA,
    Column("id", Text, primary_key=True),
    *_owned(by_account=False),
    Column("thumbprint", Text, nullable=False),
    Column("jwk", LargeBinary, nullable=False),
    Column("contact", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deactivated_at", BigInteger, nullable=True),
    Column("terms_agreed", Text, nullable=True),
    # External account binding: the key, the identity that owns it, and the JWS as the client sent it.
    Column("external_key", Text, nullable=True),
    Column("identity", Text, nullable=True),
    Column("external_binding", LargeBinary, nullable=True),
    # NULL only in rows that were written before there were tags; they are never read as accounts again.
    Column("mac", LargeBinary, nullable=True),
    UniqueConstraint("directory", "thumbprint"),
    Index("ix_acme_accounts_external_key", "external_key"),
    Index("ix_acme_accounts_thumbprint", "thumbprint"),
)

#: Keys for external account binding (RFC 8555 section 7.3.4); the HMAC key itself is sealed.
EXTERNAL_KEYS = Table(
    "acme_external_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    *_owned(by_account=False),
    Column("name", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("maximum_uses", BigInteger, nullable=True),
    Column("uses", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=True),
    Column("disabled_at", BigInteger, nullable=True),
    Column("mac", LargeBinary, nullable=False),
    Index("ix_acme_external_keys_directory_id", "directory", "id"),
)

_IS_UNFINISHED = text("certificate IS NULL")
_IS_OPEN = text("certificate IS NULL AND failure IS NULL")

ORDERS = Table(
    "acme_orders",
    METADATA,
    Column("id", Text, primary_key=True),
    *_owned(),
    Column("identifiers", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("failure", LargeBinary, nullable=True),
    Column("finalized_at", BigInteger, nullable=True),
    Column("request_digest", LargeBinary, nullable=True),
    Column("certificate", Text, nullable=True),
    Column("certificate_digest", LargeBinary, nullable=True),
    Column("profile", Text, nullable=True),
    Column("not_before", BigInteger, nullable=True),
    Column("not_after", BigInteger, nullable=True),
    Index("ix_acme_orders_account_id", "account", "id"),
    # Finished orders stay as long as their certificates; these two look past them.
    Index("ix_acme_orders_open", "account", "id", **only_where(_IS_OPEN)),
    Index(
        "ix_acme_orders_unfinished",
        "expires_at",
        **only_where(_IS_UNFINISHED),
    ),
    Index("ix_acme_orders_certificate_digest", "certificate_digest"),
)

AUTHORIZATIONS = Table(
    "acme_authorizations",
    METADATA,
    Column("id", Text, primary_key=True),
    *_owned(),
    Column("identifier_type", Text, nullable=False),
    Column("identifier_value", Text, nullable=False),
    Column("is_wildcard", SmallInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("deactivated_at", BigInteger, nullable=True),
    Index("ix_acme_authorizations_account", "account", "identifier_value"),
    Index("ix_acme_authorizations_expires_at", "expires_at"),
)

#: Which authorizations an order needs; an authorization may serve several orders.
ORDER_AUTHORIZATIONS = Table(
    "acme_order_authorizations",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    *_owned(),
    Column("authorization_id", Text, nullable=False),
    Index("ix_acme_order_authorizations_authorization_id", "authorization_id"),
)

CHALLENGES = Table(
    "acme_challenges",
    METADATA,
    Column("id", Text, primary_key=True),
    *_owned(),
    Column("authorization_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("responded_at", BigInteger, nullable=True),
    Column("key_authorization", Text, nullable=True),
    Column("attempts", BigInteger, nullable=False),
    Column("validated_at", BigInteger, nullable=True),
    Column("failure", LargeBinary, nullable=True),
    # What came of the last look while there will be another.
    Column("trouble", LargeBinary, nullable=True),
    Index("ix_acme_challenges_authorization_id", "authorization_id"),
)

USED_NONCES = Table(
    "acme_used_nonces",
    METADATA,
    Column("nonce", LargeBinary, primary_key=True),
    Column("used_at", BigInteger, nullable=False),
    Index("ix_acme_used_nonces_used_at", "used_at"),
)
