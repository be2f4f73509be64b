"""A small ACME client for tests: signs with EC, RSA and Ed25519 keys and speaks through any `send`.

It shares no code with the server, so that both agree on RFC 8555 and not on each other.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from msgspec import Struct

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
_CURVES = {
    "secp256r1": ("P-256", "ES256", 32),
    "secp384r1": ("P-384", "ES384", 48),
    "secp521r1": ("P-521", "ES512", 66),
}
_HASHES = {"ES256": hashes.SHA256(), "ES384": hashes.SHA384(), "ES512": hashes.SHA512()}


def b64(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _int(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class ClientKey:
    """A private key with its JWK."""

    def __init__(self, private_key: PrivateKey, algorithm: str | None = None) -> None:
        self.private_key = private_key
        self.algorithm = algorithm or self._default_algorithm()

    @classmethod
    def new(cls, curve: ec.EllipticCurve | None = None) -> "ClientKey":
        """Return a new EC key, P-256 unless told."""
        return cls(ec.generate_private_key(curve or ec.SECP256R1()))

    def _default_algorithm(self) -> str:
        key = self.private_key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return _CURVES[key.curve.name][1]
        return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "Ed25519"

    @property
    def jwk(self) -> dict[str, str]:
        """Return the public JWK."""
        key = self.private_key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            point = key.public_key().public_numbers()
            name, _, size = _CURVES[key.curve.name]
            return {"crv": name, "kty": "EC", "x": _int(point.x, size), "y": _int(point.y, size)}
        if isinstance(key, rsa.RSAPrivateKey):
            numbers = key.public_key().public_numbers()
            return {"e": _int(numbers.e), "kty": "RSA", "n": _int(numbers.n)}
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(key.public_key().public_bytes_raw())}

    @property
    def thumbprint(self) -> str:
        """Return the JWK thumbprint (RFC 7638)."""
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(canonical.encode()).digest())

    def sign(self, data: bytes, algorithm: str | None = None) -> bytes:
        """Return a JWS signature."""
        key, algorithm = self.private_key, algorithm or self.algorithm
        if isinstance(key, ec.EllipticCurvePrivateKey):
            size = _CURVES[key.curve.name][2]
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(_HASHES.get(algorithm, hashes.SHA256()))))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if isinstance(key, rsa.RSAPrivateKey):
            if algorithm == "PS256":
                return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return key.sign(data)


def sign_jws(key: ClientKey, payload: bytes | None, header: Mapping[str, Any], /, **outer: Any) -> bytes:
    """Return a flattened JWS with exactly this protected header; `outer` adds or replaces its members."""
    protected = b64(json.dumps(dict(header)).encode())
    body = b64(payload or b"")
    signature = b64(key.sign(f"{protected}.{body}".encode()))
    members: dict[str, Any] = {"protected": protected, "payload": body, "signature": signature}
    return json.dumps(members | outer).encode()


def sign_key_change(directory: str, account: str, old: ClientKey, new: ClientKey | None = None) -> bytes:
    """Return the inner JWS by which an account below `directory` takes a new key (RFC 8555 section 7.3.5)."""
    new = new or ClientKey.new()
    statement = {"account": f"{directory}/account/{account}", "oldKey": old.jwk}
    header = {"alg": new.algorithm, "jwk": new.jwk, "url": f"{directory}/key-change"}
    return sign_jws(new, json.dumps(statement).encode(), header)


def sign_binding(
    kid: str, hmac_key: str, key: ClientKey, url: str, /, *, algorithm: str = "HS256", **changes: Any
) -> dict[str, str]:
    """Return an external account binding (RFC 8555 section 7.3.4); `changes` are to its protected header."""
    header = {"alg": algorithm, "kid": kid, "url": url, **changes}
    protected = b64(json.dumps({name: value for name, value in header.items() if value is not None}).encode())
    payload = b64(json.dumps(key.jwk).encode())
    secret = base64.urlsafe_b64decode(hmac_key + "=" * (-len(hmac_key) % 4))
    digest = hmac.digest(secret, f"{protected}.{payload}".encode(), f"sha{algorithm[2:]}")
    return {"protected": protected, "payload": payload, "signature": b64(digest)}


class Reply(Struct, frozen=True):
    """What came back; header names in lower case, each with all its values."""

    status: int
    headers: Mapping[str, list[str]]
    body: bytes

    def json(self) -> Any:
        """Return the JSON body."""
        return json.loads(self.body)

    def header(self, name: str) -> str:
        """Return the one value of a header."""
        [value] = self.headers[name]
        return value

    @property
    def problem(self) -> str:
        """Return the type of the problem document without its prefix, and `` for anything else."""
        if not self.headers.get("content-type", [""])[0].startswith("application/problem+json"):
            return ""
        return str(self.json()["type"]).removeprefix("urn:ietf:params:acme:error:")


Send = Callable[[str, str, Mapping[str, str], bytes], Reply]


class AcmeClient:
    """One client of one directory. `send` is given method, URL, headers and body."""

    def __init__(self, send: Send, directory_url: str, key: ClientKey | None = None) -> None:
        self.send = send
        self.key = key or ClientKey.new()
        self.kid: str | None = None
        self.directory = send("GET", directory_url, {}, b"").json()

    def nonce(self) -> str:
        """Return a fresh nonce."""
        return self.send("HEAD", self.directory["newNonce"], {}, b"").header("replay-nonce")

    def header(self, url: str, /, **changes: Any) -> dict[str, Any]:
        """Return the protected header of a good request; a change to None removes the member."""
        signer = {"kid": self.kid} if self.kid else {"jwk": self.key.jwk}
        header = {"alg": self.key.algorithm, "nonce": None, "url": url, **signer, **changes}
        if "nonce" not in changes:
            header["nonce"] = self.nonce()
        return {name: value for name, value in header.items() if value is not None}

    def post(
        self, url: str, payload: object = None, /, *, key: ClientKey | None = None, **changes: Any
    ) -> Reply:
        """POST a signed request; no payload means POST-as-GET. `changes` are to the protected header."""
        body = None if payload is None else json.dumps(payload).encode()
        return self.post_raw(url, sign_jws(key or self.key, body, self.header(url, **changes)))

    def post_raw(self, url: str, body: bytes, content_type: str = "application/jose+json") -> Reply:
        """POST bytes as they are."""
        return self.send("POST", url, {"Content-Type": content_type}, body)

    def register(self, **payload: Any) -> Reply:
        """Open an account and use it from now on."""
        self.kid = None
        reply = self.post(self.directory["newAccount"], {"termsOfServiceAgreed": True, **payload})
        if reply.status in {200, 201}:
            self.kid = reply.header("location")
        return reply

    def change_key(self, new: ClientKey) -> Reply:
        """Change the account's key, and use the new one from now on if that was taken."""
        assert self.kid is not None
        base, _, account = self.kid.rpartition("/account/")
        inner = json.loads(sign_key_change(base, account, self.key, new))
        reply = self.post(self.directory["keyChange"], inner)
        if reply.status == 200:
            self.key = new
        return reply

    def order(self, *names: str) -> Reply:
        """Order a certificate for DNS names."""
        identifiers = [{"type": "dns", "value": name} for name in names]
        return self.post(self.directory["newOrder"], {"identifiers": identifiers})

    def key_authorization(self, token: str) -> str:
        """Return what answers a challenge with this token."""
        return f"{token}.{self.key.thumbprint}"


def make_csr(*names: str, key: PrivateKey | None = None, common_name: str | None = None) -> bytes:
    """Return a CSR in DER for these DNS names."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    attributes = [] if common_name is None else [x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)
