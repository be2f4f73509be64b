"""Public keys and signatures of authorities in wire format (RFC 4253 section 6.6, 5656, 8332, 8709)."""

from base64 import b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ca_service.custody.signers import Signer
from ca_service.custody.withheld_keys import PublicKey
from ssh_ca.errors import CertificateDefectError, WireError
from ssh_ca.wire import WireReader, mpint, string

_CURVES: Mapping[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": ("nistp256", hashes.SHA256()),
    "secp384r1": ("nistp384", hashes.SHA384()),
    "secp521r1": ("nistp521", hashes.SHA512()),
}
_CURVES_BY_NAME: Mapping[str, ec.EllipticCurve] = {
    "nistp256": ec.SECP256R1(),
    "nistp384": ec.SECP384R1(),
    "nistp521": ec.SECP521R1(),
}
_RSA_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "rsa-sha2-256": hashes.SHA256(),
    "rsa-sha2-512": hashes.SHA512(),
}
#: Of authorities; longer ones take long to verify with (S8).
_RSA_BITS = range(2048, 4097)


def public_key_blob(key: PublicKey) -> bytes:
    """Return an authority's public key in wire format (RFC 4253 section 6.6, RFC 5656, RFC 8709).

    Raises CertificateDefectError for a key of a kind that SSH does not know; no authority is made with one.
    """
    if isinstance(key, ed25519.Ed25519PublicKey):
        return string(b"ssh-ed25519") + string(key.public_bytes_raw())
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return string(b"ssh-rsa") + mpint(numbers.e) + mpint(numbers.n)
    key = _elliptic(key)
    name, _ = _CURVES[key.curve.name]
    point = key.public_numbers()
    size = (key.curve.key_size + 7) // 8
    encoded = b"\x04" + point.x.to_bytes(size, "big") + point.y.to_bytes(size, "big")
    return string(f"ecdsa-sha2-{name}".encode()) + string(name.encode()) + string(encoded)


def load_public_key(blob: bytes) -> PublicKey:
    """Return the key of a wire blob that can sign certificates. Raises WireError for any other."""
    reader = WireReader(blob)
    kind = reader.text()
    key: PublicKey
    try:
        if kind == "ssh-ed25519":
            key = ed25519.Ed25519PublicKey.from_public_bytes(reader.string())
        elif kind == "ssh-rsa":
            exponent, modulus = reader.mpint(), reader.mpint()
            if modulus.bit_length() not in _RSA_BITS or exponent.bit_length() > 32:
                raise WireError("its authority has an RSA key of an unusual size")
            key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
        else:
            curve = _CURVES_BY_NAME.get(kind.removeprefix("ecdsa-sha2-"))
            if curve is None or kind != f"ecdsa-sha2-{reader.text()}":
                raise WireError("its authority has a key of a type that is not taken")
            key = ec.EllipticCurvePublicKey.from_encoded_point(curve, reader.string())
    except ValueError as error:
        if isinstance(error, WireError):
            raise
        raise WireError("the key of its authority is none") from error
    reader.end()
    return key


def public_key_line(blob: bytes, comment: str) -> str:
    """Return a public key as one line for `TrustedUserCAKeys` or `known_hosts`, without a line end."""
    return f"{WireReader(blob).text()} {b64encode(blob).decode('ascii')} {comment}"


def signature_over(signer: Signer, data: bytes) -> bytes:
    """Return a signature in wire format (RFC 4253 section 6.6, RFC 8332, RFC 5656); RSA is rsa-sha2-512."""
    key = signer.public_key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return string(b"ssh-ed25519") + string(signer.sign(data))
    if isinstance(key, rsa.RSAPublicKey):
        return string(b"rsa-sha2-512") + string(signer.sign(data, "sha512"))
    name, _ = _CURVES[_elliptic(key).curve.name]
    r, s = decode_dss_signature(signer.sign(data))
    return string(f"ecdsa-sha2-{name}".encode()) + string(mpint(r) + mpint(s))


def verify_signature(key: PublicKey, data: bytes, signature: bytes, *, takes_sha256: bool = False) -> None:
    """Raise WireError unless `signature`, in wire format, is one over `data` by `key`.

    RSA is rsa-sha2-512, with `takes_sha256` also rsa-sha2-256; never SHA-1.
    """
    reader = WireReader(signature)
    algorithm, value = reader.text(), reader.string()
    reader.end()
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            _expect(algorithm, "ssh-ed25519")
            key.verify(value, data)
        elif isinstance(key, rsa.RSAPublicKey):
            rsa_hash = _RSA_HASHES.get(algorithm) if takes_sha256 else None
            if rsa_hash is None:
                _expect(algorithm, "rsa-sha2-512")
                rsa_hash = hashes.SHA512()
            key.verify(value, data, padding.PKCS1v15(), rsa_hash)
        else:
            key = _elliptic(key)
            name, hash_algorithm = _CURVES[key.curve.name]
            _expect(algorithm, f"ecdsa-sha2-{name}")
            numbers = WireReader(value)
            r, s = numbers.mpint(), numbers.mpint()
            numbers.end()
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hash_algorithm))
    except InvalidSignature:
        raise WireError("its signature is wrong") from None


def _elliptic(key: PublicKey) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateDefectError(f"SSH knows no keys of {type(key).__name__}")
    return key


def _expect(algorithm: str, expected: str) -> None:
    if algorithm != expected:
        raise WireError(f"it is signed with {algorithm}")
