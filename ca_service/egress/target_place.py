"""Where a database user is made: one PostgreSQL database, as whom, and how the connection is protected."""

from enum import StrEnum

from msgspec import Struct

from ca_service.kernel.secret_value import SecretValue


class TargetTls(StrEnum):
    """How a target's connection is protected: verified TLS, or none at all."""

    VERIFY_FULL = "verify-full"
    DISABLE = "disable"


class PostgresqlPlace(Struct, frozen=True, kw_only=True):
    """One database of one server, and the role that logs in there."""

    host: str
    port: int = 5432
    database: str
    username: str
    password: SecretValue[str]
    tls: TargetTls = TargetTls.VERIFY_FULL
