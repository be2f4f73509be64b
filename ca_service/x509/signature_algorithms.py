"""How a signature says what made it: AlgorithmIdentifier in DER, by the words of custody's algorithms.

RSA has parameters, the others have none (RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3,
RFC 9881 section 2).
"""

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.x509.der import NULL, OBJECT_IDENTIFIER, SEQUENCE, encoded

_NO_PARAMETERS = encoded(NULL)
_ECDSA = "2a8648ce3d0403"
_RSA_WITH_SHA256 = "2a864886f70d01010b"
_SIGNATURES = {
    "RSA_2048": (_RSA_WITH_SHA256, _NO_PARAMETERS),
    "RSA_3072": (_RSA_WITH_SHA256, _NO_PARAMETERS),
    "RSA_4096": (_RSA_WITH_SHA256, _NO_PARAMETERS),
    "EC_P256": (f"{_ECDSA}02", b""),
    "EC_P384": (f"{_ECDSA}03", b""),
    "EC_P521": (f"{_ECDSA}04", b""),
    "ED25519": ("2b6570", b""),
    "ML_DSA_44": ("608648016503040311", b""),
    "ML_DSA_65": ("608648016503040312", b""),
    "ML_DSA_87": ("608648016503040313", b""),
}
_IDENTIFIERS = {
    algorithm: encoded(SEQUENCE, encoded(OBJECT_IDENTIFIER, bytes.fromhex(identifier)), parameters)
    for algorithm, (identifier, parameters) in _SIGNATURES.items()
}


def signature_identifier(algorithm: KeyAlgorithm) -> bytes:
    """Return the AlgorithmIdentifier of what a signer with such a key makes."""
    return _IDENTIFIERS[algorithm.value]
