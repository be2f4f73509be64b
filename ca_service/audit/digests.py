"""The digest of an entry: a tag over every column, so that a change shows even before it is numbered."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import msgspec

from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.audit.storage import COLUMNS
from ca_service.custody.derivation import MacKey
from ca_service.database.port import Row, Value
from ca_service.kernel.clock import from_microseconds, to_microseconds
from ca_service.kernel.tenancy import OrganizationId, ProjectId

_VERSION = 1
_SIZE = len(COLUMNS)

_encode_details = msgspec.json.Encoder(order="deterministic").encode
_encode_columns = msgspec.msgpack.Encoder().encode


def columns_of(entry: AuditEntry, key: MacKey) -> Mapping[str, Value]:
    """Return the row of an entry, with its digest."""
    columns: dict[str, Value] = {
        "id": entry.id,
        "at": to_microseconds(entry.at),
        "organization": entry.organization or "",
        "project": entry.project or "",
        "caller": _storable(entry.caller),
        "action": entry.action,
        "resource": _storable(entry.resource),
        "outcome": entry.outcome.value,
        "reason": _storable(entry.reason),
        "request_id": _storable(entry.request_id),
        "address": entry.address,
        "parent": entry.parent,
        "details": _encode_details(dict(entry.details)) if entry.details else b"{}",
    }
    columns["digest"] = key.tag(content_of(tuple(columns.values())))
    return columns


def content_of(row: Row) -> bytes:
    """Return what a row's digest is the tag of: its columns in order, each with its type (MessagePack)."""
    return _encode_columns((_VERSION, *row[:_SIZE]))


def leaf_of(row: Row) -> bytes:
    """Return what a numbered row's Merkle leaf is the hash of: columns, digest and number."""
    return _encode_columns((_VERSION, *row))


def entry_of(row: Row) -> AuditEntry:
    """Return the entry of a row."""
    columns: dict[str, Any] = dict(zip(COLUMNS, row[:_SIZE], strict=True))
    columns["at"] = from_microseconds(columns["at"])
    columns["organization"] = OrganizationId(columns["organization"]) if columns["organization"] else None
    columns["project"] = ProjectId(columns["project"]) if columns["project"] else None
    columns["outcome"] = AuditOutcome(columns["outcome"])
    columns["details"] = msgspec.json.decode(columns["details"])
    return AuditEntry(**columns)


def with_text(row: Row) -> Row:
    """Return a row that was read as bytes with its text columns as text.

    What is no text any more stays recognizable as changed: it never equals what was digested.
    """
    return tuple(
        _text(value) if isinstance(value, bytes) and name not in {"details", "digest"} else value
        for name, value in zip((*COLUMNS, "digest", "seq"), row, strict=True)
    )


def _text(raw: bytes) -> str | list[str]:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return [b64encode(raw).decode("ascii")]


def _storable(text: str) -> str:
    """Return `text` without NUL characters, which PostgreSQL has no place for."""
    return text.replace("\x00", "\\0") if "\x00" in text else text
