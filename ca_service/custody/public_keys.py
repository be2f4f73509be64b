"""Public keys as bytes, and what they say of themselves."""

from cryptography.hazmat.primitives import serialization

from ca_service.custody.withheld_keys import PublicKey


def public_key_der(key: PublicKey) -> bytes:
    """Return a public key as SubjectPublicKeyInfo (RFC 5280 section 4.1)."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def public_key_pem(key: PublicKey) -> str:
    """Return a public key as `PUBLIC KEY` in PEM (RFC 7468 section 13), with a newline at its end."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode("ascii")
