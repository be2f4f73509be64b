"""How an answer and the questions it was permitted by are written down for a replay (S10).

The text is sealed by custody before it reaches a table. It repeats whose answer it is, so that a row moved to
another key or caller does not open the answer to them.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, get_args, get_origin

import msgspec
from msgspec import Struct

from ca_service.custody.errors import IntegrityError
from ca_service.gate.operation import Operation
from ca_service.gate.storage import Scope
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.policy.values import Access, Entity, Resource

_TTL = 1
_MICROSECOND = timedelta(microseconds=1)


class KeptAnswer(Struct, frozen=True):
    """An answer that can be replayed, and the accesses that must still be permitted.

    `made_by` is the id of the audit entry of the request that made it.
    """

    accesses: tuple[Access, ...]
    answer: Any
    made_by: str


class _Document(Struct, frozen=True, array_like=True):
    scope: tuple[str, str, str, str, str]
    digest: bytes
    accesses: tuple[Any, ...]
    answer: msgspec.Raw
    made_by: str


def encode_kept_answer(scope: Scope, digest: bytes, kept: KeptAnswer) -> bytes:
    """Return the document that is sealed."""
    document = _Document(
        _owner(scope),
        digest,
        tuple(_flat(access) for access in kept.accesses),
        msgspec.Raw(msgspec.msgpack.encode(kept.answer, enc_hook=_reveal)),
        kept.made_by,
    )
    return msgspec.msgpack.encode(document)


def decode_kept_answer(
    scope: Scope, digest: bytes, operation: type[Operation[Any]], document: bytes
) -> KeptAnswer:
    """Return what was kept. Raises IntegrityError if it is another key's answer."""
    found = msgspec.msgpack.decode(document, type=_Document, ext_hook=_read)
    if found.scope != _owner(scope) or found.digest != digest:
        raise IntegrityError("a kept answer lies under another key than its own")
    answer = msgspec.msgpack.decode(found.answer, type=answer_type(operation), dec_hook=_hide)
    return KeptAnswer(tuple(_access(flat) for flat in found.accesses), answer, found.made_by)


@cache
def answer_type(operation: type[Operation[Any]]) -> Any:
    """Return the `A` of an operation class declared as `Operation[A]`, or of one of its kinds."""
    for kind in operation.__mro__:
        for parent in getattr(kind, "__orig_bases__", ()):
            origin = get_origin(parent)
            if isinstance(origin, type) and issubclass(origin, Operation):
                return get_args(parent)[0]
    raise TypeError(f"{operation.__name__} does not say what it is answered with")


def made_id(answer: Any) -> str:
    """Return the id of what an operation made: the answer's own, or that of the first value in it."""
    if not isinstance(answer, Struct):
        return ""
    own = getattr(answer, "id", None)
    if own is not None:
        return str(own)
    parts = (getattr(answer, name) for name in answer.__struct_fields__)
    return next((found for found in map(made_id, parts) if found), "")


def _owner(scope: Scope) -> tuple[str, str, str, str, str]:
    of = scope.parameters()
    return of["organization"], of["project"], of["caller"], of["operation"], of["key"]


def _flat(access: Access) -> tuple[Any, ...]:
    resource = access.resource
    tenant = resource.tenant
    return (
        access.action,
        resource.entity.type,
        resource.entity.id,
        resource.noun,
        None if tenant is None else (tenant.organization, tenant.project),
        _write(resource.attributes),
        access.visible_by,
        _write(access.context),
        _write(access.ttl),
        access.field,
    )


def _access(flat: Any) -> Access:
    action, kind, name, noun, owner, attributes, visible_by, context, ttl, field = flat
    tenant = None if owner is None else Tenant(OrganizationId(owner[0]), ProjectId(owner[1]))
    resource = Resource(Entity(kind, name), noun, tenant, attributes)
    return Access(action, resource, visible_by, context, ttl, field)


def _reveal(value: Any) -> Any:
    if isinstance(value, SecretValue):
        return value.reveal()
    raise TypeError(f"an answer cannot hold a {type(value).__name__}")


def _hide(declared: Any, value: Any) -> Any:
    if (get_origin(declared) or declared) is SecretValue:
        return SecretValue(value)
    raise TypeError(f"an answer cannot hold a {declared}")


def _write(value: Any) -> Any:
    """Return a context value as msgpack takes it; lifetimes become extensions, not text."""
    if isinstance(value, timedelta):
        return msgspec.msgpack.Ext(_TTL, (value // _MICROSECOND).to_bytes(8, "big", signed=True))
    if isinstance(value, Mapping):
        return {key: _write(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_write(item) for item in value]
    return value


def _read(code: int, data: memoryview) -> Any:
    if code != _TTL:
        raise IntegrityError(f"a kept answer holds an unknown extension {code}")
    return timedelta(microseconds=int.from_bytes(data, "big", signed=True))
