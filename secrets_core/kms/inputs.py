"""What callers send: base64, sizes, messages and digests; each refusal names its field and its rule."""

from binascii import a2b_base64

from ca_service.custody.raw_signatures import SignatureAlgorithm
from ca_service.kernel.errors import MalformedError, TooLargeError
from ca_service.kernel.secret_value import SecretValue
from secrets_core.kms.errors import InputRefusedError, KeyUseError
from secrets_core.kms.keys import KmsKey

MOST_PLAINTEXT = 64 * 1024
MOST_AAD = 8 * 1024
MOST_SIGNATURE = 1024
MOST_RANDOM = 1024
MOST_ITEMS = 500
DATA_KEY_BITS = (128, 256, 512)


def parse_bytes(text: str, *, field: str, most: int) -> bytes:
    """Return what base64 stands for (RFC 4648 section 4, padded). Raises MalformedError and TooLargeError."""
    if len(text) > (most + 2) // 3 * 4:
        raise _too_large(field, most)
    try:
        found = a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise MalformedError(
            f"`{field}` is base64 with its padding and nothing else, like `aGVsbG8=`.",
            field=field,
            rule="base64",
        ) from error
    if len(found) > most:
        raise _too_large(field, most)
    return found


def _too_large(field: str, most: int) -> TooLargeError:
    shown = f"{most // 1024} KiB" if most % 1024 == 0 else f"{most} bytes"
    return TooLargeError(f"`{field}` has at most {shown} before base64.", field=field, rule="size")


def parse_secret(text: SecretValue[str], *, field: str) -> bytes:
    """Return a plaintext or message of at most 64 KiB. Raises as `parse_bytes`."""
    return parse_bytes(text.reveal(), field=field, most=MOST_PLAINTEXT)


def parse_aad(text: str) -> bytes:
    """Return associated data of at most 8 KiB. Raises as `parse_bytes`."""
    return parse_bytes(text, field="aad", most=MOST_AAD) if text else b""


def parse_bits(bits: int) -> int:
    """Return the bytes of a data key. Raises InputRefusedError."""
    if bits not in DATA_KEY_BITS:
        raise InputRefusedError("A data key has 128, 256 or 512 bits.", field="bits", rule="bits")
    return bits // 8


def parse_random_size(size: int) -> int:
    """Return how many random bytes are drawn. Raises InputRefusedError."""
    if not 1 <= size <= MOST_RANDOM:
        raise InputRefusedError(
            f"Ask for 1 to {MOST_RANDOM} random bytes at a time.", field="bytes", rule="random-size"
        )
    return size


def parse_scheme(key: KmsKey, name: str | None) -> SignatureAlgorithm:
    """Return how to sign with a key: its default, or the scheme of this name. Raises KeyUseError."""
    schemes = key.algorithm.schemes
    if name is None:
        return schemes[0]
    for scheme in schemes:
        if scheme.value == name:
            return scheme
    raise KeyUseError(
        f"The key {key.name} signs by {', '.join(scheme.value for scheme in schemes)}.",
        field="signature_algorithm",
        rule="signature-algorithm",
    )


def parse_signed(
    scheme: SignatureAlgorithm, message: SecretValue[str] | None, digest: str | None
) -> tuple[bytes, bool]:
    """Return what is signed, and whether that is a digest.

    Raises MalformedError unless exactly one is given, InputRefusedError for a digest of another size,
    KeyUseError for a digest where the message itself is signed, and as `parse_bytes`.
    """
    if (message is None) == (digest is None):
        raise MalformedError(
            "Send `message`, or `digest` where the message is long or must not be shown; one of them.",
            field="message",
            rule="message-or-digest",
        )
    if message is not None:
        return parse_secret(message, field="message"), False
    assert digest is not None
    size = scheme.digest_size
    if size is None:
        raise KeyUseError(
            "Ed25519 signs the message itself (RFC 8032); send `message`.", field="digest", rule="digest"
        )
    found = parse_bytes(digest, field="digest", most=MOST_SIGNATURE)
    if len(found) != size:
        raise InputRefusedError(
            f"A digest for {scheme.value} has {size} bytes, and this one has {len(found)}.",
            field="digest",
            rule="digest-size",
        )
    return found, True
