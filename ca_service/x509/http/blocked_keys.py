"""The routes of keys that are never certified."""

import binascii
from datetime import datetime

from litestar import Response, delete, get, post
from litestar.params import FromPath
from msgspec import Struct

from ca_service.kernel.errors import MalformedError
from ca_service.kernel.secret_value import SecretValue
from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    no_content,
    page,
    parse_page,
    perform,
    reads,
)
from ca_service.x509.blocked_keys import BlockedKey
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.public_key_pem import parse_public_key_pem
from ca_service.x509.operations import BlockKey, ListBlockedKeys, ReadBlockedKey, UnblockKey


class BlockKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST blocked-keys`: exactly one of the three says which key.

    `key_hash` is SHA-256 over its SubjectPublicKeyInfo in hex, `public_key` that in PEM, `private_key` the
    published private key in PEM, as proof: it is not kept.
    """

    key_hash: str | None = None
    public_key: str | None = None
    private_key: str | None = None
    comment: str = ""


class BlockedKeyBody(Struct, frozen=True, kw_only=True):
    """A blocked key. `reach` is `organization`, or `instance` where it is proven to be compromised."""

    id: str
    key_hash: str
    reach: str
    proof: str
    comment: str
    created_by: str
    created_at: datetime


@get(f"{BASE}/blocked-keys")
async def list_blocked_keys(request: AnyRequest, project: FromPath[str]) -> Response[Page[BlockedKeyBody]]:
    """List the keys that the project blocked."""
    limit, after = parse_page(request)
    outcome = await perform(request, ListBlockedKeys(project=project, limit=limit, after=after))
    items = [blocked_key_body(key) for key in outcome.answer.items]
    return answer(outcome, page(items, outcome.answer.next_key))


@post(f"{BASE}/blocked-keys", opt=reads(BlockKeyBody))
async def block_key(request: AnyRequest, project: FromPath[str]) -> Response[BlockedKeyBody]:
    """Certify a key no more."""
    body = await decode(request, BlockKeyBody)
    operation = BlockKey(
        project=project,
        key_hash=None if body.key_hash is None else _octets(body.key_hash),
        public_key_der=None
        if body.public_key is None
        else parse_public_key_pem(body.public_key, field="public_key"),
        private_key=None if body.private_key is None else SecretValue(body.private_key),
        comment=body.comment,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/blocked-keys/{outcome.answer.id}"
    return created(outcome, location, blocked_key_body(outcome.answer))


@get(f"{BASE}/blocked-keys/{{blocked_key:str}}")
async def read_blocked_key(
    request: AnyRequest, project: FromPath[str], blocked_key: FromPath[str]
) -> Response[BlockedKeyBody]:
    """Read one blocked key."""
    outcome = await perform(request, ReadBlockedKey(project=project, id=blocked_key))
    return answer(outcome, blocked_key_body(outcome.answer))


@delete(f"{BASE}/blocked-keys/{{blocked_key:str}}", status_code=204)
async def unblock_key(
    request: AnyRequest, project: FromPath[str], blocked_key: FromPath[str]
) -> Response[None]:
    """Certify a key again that was blocked without proof."""
    return no_content(await perform(request, UnblockKey(project=project, id=blocked_key)))


def blocked_key_body(key: BlockedKey) -> BlockedKeyBody:
    """Return a blocked key."""
    return BlockedKeyBody(
        id=key.id,
        key_hash=key.key_hash.hex(),
        reach=key.reach.value,
        proof=key.proof.value,
        comment=key.comment,
        created_by=key.created_by,
        created_at=key.created_at,
    )


def _octets(text: str) -> bytes:
    try:
        return binascii.unhexlify(text)
    except ValueError as error:
        detail = "A key_hash is SHA-256 over the key's SubjectPublicKeyInfo: 64 hex digits."
        raise MalformedError(detail, field="key_hash", rule="key-hash") from error


ROUTES = (list_blocked_keys, block_key, read_blocked_key, unblock_key)
