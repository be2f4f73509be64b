"""The password that a caller gives for a PKCS #12 file."""

from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.secret_value import SecretValue

SHORTEST = 8
LONGEST = 256
_FIELD = "pkcs12_password"


class Pkcs12RefusedError(UnacceptableError):
    """A PKCS #12 file cannot be made as it was asked for."""


def parse_pkcs12_password(text: str | None) -> SecretValue[str] | None:
    """Return the password, None for none. Raises Pkcs12RefusedError; the text is never repeated."""
    if text is None:
        return None
    if not SHORTEST <= len(text) <= LONGEST or not text.isprintable():
        detail = f"The password of a PKCS #12 file has {SHORTEST} to {LONGEST} printable characters."
        raise Pkcs12RefusedError(detail, field=_FIELD, rule="pkcs12-password")
    return SecretValue(text)


def no_key_to_wrap() -> Pkcs12RefusedError:
    """Return the error for a password where no private key is at hand."""
    detail = (
        "A PKCS #12 file holds a private key, and the key of this certificate stays with you: leave the "
        "password out, or let the key be made here."
    )
    return Pkcs12RefusedError(detail, field=_FIELD, rule="pkcs12-key")
