"""The tables of ACME; every row of a tenant carries organization, project and directory (S2, S12)."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, SmallInteger, Table, Text, UniqueConstraint

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
    UniqueConstraint("directory", "thumbprint"),
)

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
    Index("ix_acme_orders_account_id", "account", "id"),
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
    Index("ix_acme_challenges_authorization_id", "authorization_id"),
)

USED_NONCES = Table(
    "acme_used_nonces",
    METADATA,
    Column("nonce", LargeBinary, primary_key=True),
    Column("used_at", BigInteger, nullable=False),
    Index("ix_acme_used_nonces_used_at", "used_at"),
)
