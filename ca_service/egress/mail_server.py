"""A mail server that messages are handed to."""

from enum import StrEnum

from msgspec import Struct

from ca_service.kernel.secret_value import SecretValue


class MailProtection(StrEnum):
    """How the connection is protected (RFC 3207, RFC 8314)."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class MailServer(Struct, frozen=True, kw_only=True):
    """A mail server, and as whom it is spoken to."""

    host: str
    port: int
    protection: MailProtection
    sender: str
    username: str | None = None
    password: SecretValue[str] | None = None

    @property
    def is_protected(self) -> bool:
        """Tell whether the connection is verified TLS before anything is said."""
        return self.protection is not MailProtection.NONE
