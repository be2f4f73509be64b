"""Writes and signs OpenSSH certificates (openssh PROTOCOL.certkeys).

Our own, because no library does all of it: FIDO subjects, `verify-required`, sorted options, any signer. What
was signed is read back and verified before it goes anywhere.
"""

from base64 import b64encode
from functools import lru_cache

from ca_service.custody.signers import Signer
from ca_service.kernel.errors import KeywrightError
from ssh_ca.certificate_reader import TYPE_NUMBERS, certificate_type_name, read_certificate
from ssh_ca.certificates import CertificateContent
from ssh_ca.errors import CertificateDefectError, WireError
from ssh_ca.signatures import signature_over
from ssh_ca.wire import WireReader, string, uint32, uint64


def certificate_line(blob: bytes) -> str:
    """Return a certificate as one line, as in an `id_ed25519-cert.pub`."""
    return f"{WireReader(blob).text()} {b64encode(blob).decode('ascii')}"


def sign_certificate(
    content: CertificateContent, signer: Signer, authority_key: bytes, nonce: bytes
) -> bytes:
    """Return the signed certificate in wire format, read back and verified.

    `nonce` is 32 random bytes. RSA authorities sign with rsa-sha2-512. Raises CertificateDefectError if the
    result does not read back as `content`.
    """
    unsigned = _unsigned(content, authority_key, nonce)
    certificate = unsigned + string(signature_over(signer, unsigned))
    try:
        found = read_certificate(certificate, signer.public_key)
    except (WireError, KeywrightError) as error:
        raise CertificateDefectError(f"a certificate of ours cannot be read back: {error}") from error
    if found != content:
        raise CertificateDefectError("a certificate of ours says something else than it should")
    return certificate


def _unsigned(content: CertificateContent, authority_key: bytes, nonce: bytes) -> bytes:
    key = content.subject_key
    return b"".join(
        (
            string(certificate_type_name(key.type).encode()),
            string(nonce),
            key.fields,
            uint64(content.serial_number),
            uint32(TYPE_NUMBERS[content.type]),
            string(content.key_id.encode()),
            string(b"".join(string(principal.encode()) for principal in content.principals)),
            uint64(int(content.valid_after.timestamp())),
            uint64(int(content.valid_before.timestamp())),
            string(_options(tuple(content.critical_options.items()))),
            string(_options(tuple(content.extensions.items()))),
            string(b""),
            string(authority_key),
        )
    )


@lru_cache(maxsize=256)
def _options(options: tuple[tuple[str, str], ...]) -> bytes:
    """Return options sorted by the bytes of their names, each value a string inside its string."""
    encoded = sorted((name.encode(), value.encode()) for name, value in options)
    return b"".join(string(name) + string(string(value) if value else b"") for name, value in encoded)
