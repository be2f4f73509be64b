"""Private keys that somebody published: what they prove, and what proves nothing."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca_service.custody.published_keys import public_half
from ca_service.kernel.errors import MalformedError
from ca_service.kernel.secret_value import SecretValue

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
_VICTIM = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, passphrase: bytes = b""
) -> str:
    sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        sealed = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed).decode()


def integer(value: int) -> bytes:
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def rsa_pem(modulus: int, p: int, q: int) -> str:
    """Return an RSA key in PKCS #1 that is as it says, whether this fits together or not."""
    numbers = [0, modulus, 65537, 3, p, q, 3, 3, 3]
    if min(p, q) > 1:
        private = pow(65537, -1, (p - 1) * (q - 1))
        numbers[3:] = [private, p, q, private % (p - 1), private % (q - 1), pow(q, -1, p)]
    body = element(0x30, b"".join(map(integer, numbers)))
    text = base64.encodebytes(body).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{text}-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize("key", [RSA, EC, ed25519.Ed25519PrivateKey.generate()], ids=["RSA", "EC", "Ed25519"])
def test_a_private_key_proves_its_public_key(key: rsa.RSAPrivateKey) -> None:
    assert public_half(SecretValue(pem(key)), field="private_key") == key.public_key()


def forged_curve_key() -> str:
    """Return our scalar with the point of another."""
    form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    ours = EC.public_key().public_bytes(*form)
    theirs = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*form)
    der = EC.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    text = base64.encodebytes(der.replace(ours, theirs)).decode()
    return f"-----BEGIN PRIVATE KEY-----\n{text}-----END PRIVATE KEY-----\n"


_P, _Q = RSA.private_numbers().p, RSA.private_numbers().q


@pytest.mark.parametrize(
    "text",
    [
        rsa_pem(_VICTIM, _P, _Q),
        rsa_pem(_VICTIM, 1, _VICTIM),
        rsa_pem(_VICTIM, _VICTIM, 1),
        rsa_pem(_VICTIM, 0, _Q),
        forged_curve_key(),
        pem(RSA, b"sealed"),
        "rubbish",
        "ü",
        pem(EC) + " " * 40_000,
    ],
    ids=["factors", "one-and-all", "all-and-one", "zero", "point", "passphrase", "rubbish", "text", "long"],
)
def test_what_proves_nothing_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(MalformedError) as caught:
        public_half(SecretValue(text), field="private_key")
    assert (caught.value.field, caught.value.rule) == ("private_key", "private-key")
    assert caught.value.__cause__ is None


def test_a_key_too_long_to_be_examined_by_the_library_is_read_all_the_same() -> None:
    p, q = 2**4253 - 1, 2**4423 - 1
    key = public_half(SecretValue(rsa_pem(p * q, p, q)), field="private_key")
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.public_numbers().n == p * q
