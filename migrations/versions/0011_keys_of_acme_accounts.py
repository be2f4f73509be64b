"""keys of ACME accounts that were opened before their keys were kept from being certified

Expand first, contract in a later release: the previous release must go on serving while this runs.
"""

import base64
import json
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

_AT_ONCE = 1_000
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}
_ACCOUNTS = sa.table(
    "acme_accounts", *(sa.column(name) for name in ("organization", "project", "id", "jwk", "created_at"))
)
_REFUSED = sa.table(
    "x509_refused_keys",
    sa.column("organization", sa.Text()),
    sa.column("project", sa.Text()),
    sa.column("id", sa.Text()),
    sa.column("key_hash", sa.LargeBinary()),
    sa.column("reach", sa.Text()),
    sa.column("proof", sa.Text()),
    sa.column("holder", sa.Text()),
    sa.column("comment", sa.Text()),
    sa.column("created_by", sa.Text()),
    sa.column("created_at", sa.BigInteger()),
)


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    connection = op.get_bind()
    is_held = sa.exists().where(
        _REFUSED.c.organization == _ACCOUNTS.c.organization,
        _REFUSED.c.project == _ACCOUNTS.c.project,
        _REFUSED.c.id == _ACCOUNTS.c.id,
    )
    found = connection.execute(sa.select(_ACCOUNTS).where(~is_held)).all()
    for start in range(0, len(found), _AT_ONCE):
        rows = [_refusal(account) for account in found[start : start + _AT_ONCE]]
        connection.execute(sa.insert(_REFUSED), rows)


def _refusal(account: sa.Row[Any]) -> dict[str, str | int | bytes]:
    """Return what opening the account writes today."""
    return {
        "organization": account.organization,
        "project": account.project,
        "id": account.id,
        "key_hash": _key_hash(bytes(account.jwk)),
        "reach": "organization",
        "proof": "account",
        "holder": account.id,
        "comment": "",
        "created_by": account.id,
        "created_at": account.created_at,
    }


def _key_hash(jwk: bytes) -> bytes:
    """Return SHA-256 over the SubjectPublicKeyInfo of a key that was checked when its account was opened."""
    members: dict[str, str] = json.loads(jwk)
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
    match members["kty"]:
        case "EC":
            x, y = _number(members["x"]), _number(members["y"])
            public_key = ec.EllipticCurvePublicNumbers(x, y, _CURVES[members["crv"]]()).public_key()
        case "RSA":
            public_key = rsa.RSAPublicNumbers(_number(members["e"]), _number(members["n"])).public_key()
        case _:
            public_key = ed25519.Ed25519PublicKey.from_public_bytes(_octets(members["x"]))
    return sha256(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _number(text: str) -> int:
    return int.from_bytes(_octets(text), "big")


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
