"""Key pairs that a token makes itself: sensitive, never extractable, for signing and nothing else."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ca_service.custody.algorithms import RSA_BITS, KeyAlgorithm
from ca_service.custody.errors import KeyStoreRefusedError
from ca_service.custody.pkcs11.sessions import TokenSession
from ca_service.custody.withheld_keys import PublicKey

#: What objects of ours are called on a token.
LABEL = "keywright"
#: The curves by their object identifiers in DER (RFC 5480 section 2.1.1.1; Ed25519 by RFC 8410 section 3).
_CURVES: dict[KeyAlgorithm, tuple[ec.EllipticCurve, bytes]] = {
    KeyAlgorithm.EC_P256: (ec.SECP256R1(), bytes.fromhex("06082a8648ce3d030107")),
    KeyAlgorithm.EC_P384: (ec.SECP384R1(), bytes.fromhex("06052b81040022")),
    KeyAlgorithm.EC_P521: (ec.SECP521R1(), bytes.fromhex("06052b81040023")),
}
_ED25519 = bytes.fromhex("06032b6570")


def make_key_pair(session: TokenSession, algorithm: KeyAlgorithm, key_id: bytes) -> PublicKey:
    """Return the public half of a new pair that stays on the token under `key_id`.

    Raises KeyStoreRefusedError for an algorithm that is not asked of tokens, or a private key that the token
    would give out, which is destroyed again. Errors of the token are python-pkcs11's.
    """
    from pkcs11 import Attribute

    public, private = _generate(session.raw, algorithm, key_id)
    if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
        private.destroy()
        public.destroy()
        raise KeyStoreRefusedError("The token makes keys that can be taken out of it.", rule="key-store")
    return _public_key(public, algorithm)


def _generate(session: Any, algorithm: KeyAlgorithm, key_id: bytes) -> tuple[Any, Any]:
    from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag

    options: dict[str, Any] = {
        "id": key_id,
        "label": LABEL,
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "private_template": {
            Attribute.PRIVATE: True,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
        },
    }
    if algorithm.is_rsa:
        options["public_template"] = {Attribute.PUBLIC_EXPONENT: b"\x01\x00\x01"}
        made = session.generate_keypair(KeyType.RSA, RSA_BITS[algorithm], **options)
    elif algorithm.is_elliptic:
        parameters = {Attribute.EC_PARAMS: _CURVES[algorithm][1]}
        curve = session.create_domain_parameters(KeyType.EC, parameters, local=True)
        made = curve.generate_keypair(**options)
    elif algorithm is KeyAlgorithm.ED25519:
        parameters = {Attribute.EC_PARAMS: _ED25519}
        curve = session.create_domain_parameters(KeyType.EC_EDWARDS, parameters, local=True)
        made = curve.generate_keypair(mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, **options)
    else:
        detail = f"Keys of {algorithm} are not made on tokens; use RSA, EC or ED25519, or the store database."
        raise KeyStoreRefusedError(detail, field="key_algorithm", rule="key-store")
    return made[0], made[1]


def _public_key(public: Any, algorithm: KeyAlgorithm) -> PublicKey:
    from pkcs11 import Attribute

    if algorithm.is_rsa:
        modulus = int.from_bytes(public[Attribute.MODULUS], "big")
        exponent = int.from_bytes(public[Attribute.PUBLIC_EXPONENT], "big")
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    point = bytes(public[Attribute.EC_POINT])
    if algorithm is KeyAlgorithm.ED25519:
        # 32 bytes, in an OCTET STRING or not: tokens differ.
        return ed25519.Ed25519PublicKey.from_public_bytes(point[-32:])
    curve = _CURVES[algorithm][0]
    length = 1 + 2 * ((curve.key_size + 7) // 8)
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point[-length:])
