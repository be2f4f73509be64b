"""The JSON of revocations, and how it becomes a selector."""

import re
from datetime import datetime

from msgspec import Struct

from ca_service.gate.caller import CallerKind
from ca_service.gate.principals import cedar_name
from ca_service.kernel.errors import MalformedError
from ca_service.policy.values import Entity
from ssh_ca.errors import SelectorRefusedError
from ssh_ca.http.certificate_bodies import CertificateBody, parse_serial_number
from ssh_ca.operations import (
    ByAuthority,
    ByCertificate,
    ByIdentity,
    ByKeyId,
    ByPublicKey,
    BySerialNumber,
    RevocationSelector,
)

_ASKER = re.compile(r"[a-z]{2,8}_[0-9A-Za-z_-]{1,64}")


class RevokeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name certificates in one way: `authority` with `serial_number`, or with `everything` said outright.

    `for_good` is of `key_id`.
    """

    serial_number: str | int | None = None
    authority: str | None = None
    key_id: str | None = None
    public_key: str | None = None
    identity: str | None = None
    certificate: str | None = None
    for_good: bool = False
    everything: bool = False


class RevokedBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked for, and every certificate it covers; those of a whole authority are only counted."""

    revoked_at: datetime
    items: tuple[CertificateBody, ...]
    newly_revoked: int
    serial_number: str | None = None
    authority: str | None = None
    key_id: str | None = None
    public_key: str | None = None
    identity: str | None = None


def parse_selector(body: RevokeBody) -> RevocationSelector:
    """Return what a revocation is of. Raises SelectorRefusedError unless exactly one way is given."""
    match body:
        case RevokeBody(serial_number=str() | int() as number, authority=str() as authority):
            selector: RevocationSelector = BySerialNumber(parse_serial_number(number), authority)
        case RevokeBody(serial_number=None, authority=str() as authority, everything=True):
            selector = ByAuthority(authority)
        case RevokeBody(key_id=str() as key_id):
            selector = ByKeyId(key_id, body.for_good)
        case RevokeBody(public_key=str() as public_key):
            selector = ByPublicKey(public_key)
        case RevokeBody(identity=str() as identity):
            selector = ByIdentity(parse_asker(identity))
        case RevokeBody(certificate=str() as certificate):
            selector = ByCertificate(certificate)
        case _:
            raise _refused_selector(body)
    serial_number = body.serial_number or body.authority
    given = (serial_number, body.key_id, body.public_key, body.identity, body.certificate)
    is_everything_misplaced = body.everything and not isinstance(selector, ByAuthority)
    is_for_good_misplaced = body.for_good and body.key_id is None
    if sum(way is not None for way in given) != 1 or is_everything_misplaced or is_for_good_misplaced:
        raise _refused_selector(body)
    return selector


def _refused_selector(body: RevokeBody) -> SelectorRefusedError:
    is_number_alone = body.serial_number is not None and body.authority is None
    return SelectorRefusedError(
        'Give one of `{"serial_number", "authority"}`, `{"key_id"}`, `{"key_id", "for_good"}`, '
        '`{"public_key"}`, `{"identity"}`, `{"certificate"}` and `{"authority", "everything"}`.',
        field="authority" if is_number_alone else None,
        rule="selector",
    )


def parse_asker(text: str) -> str:
    """Return an identity or user as the inventory names who asked. Raises MalformedError."""
    if not _ASKER.fullmatch(text):
        raise MalformedError(
            "identity is the id of an identity or user, such as idn_…, as the trail shows it.",
            field="identity",
            rule="id",
        )
    kind = CallerKind.USER if text.startswith("usr_") else CallerKind.IDENTITY
    return cedar_name(Entity(kind.value, text))
