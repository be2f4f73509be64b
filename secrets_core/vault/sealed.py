"""Sealing and opening what a version holds: its value, and the notes beside it (S5)."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from ca_service.custody.sealing import Sealer
from secrets_core.vault.errors import VersionDestroyedError
from secrets_core.vault.rows import notes_record, value_record
from secrets_core.vault.secrets import Notes, SecretVersion


class _Sealed(Struct, frozen=True, array_like=True):
    comment: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]


_encode = msgspec.json.Encoder().encode
_decode: Callable[[bytes], _Sealed] = msgspec.json.Decoder(_Sealed).decode


def seal_value(sealer: Sealer, secret: str, version: int, value: bytes) -> bytes:
    """Return a value sealed for this version and no other."""
    return sealer.seal(value_record(secret, version), value)


def seal_notes(sealer: Sealer, secret: str, version: int, notes: Notes) -> bytes:
    """Return notes sealed for this version and no other."""
    plain = _encode(_Sealed(notes.comment, notes.tags, notes.metadata))
    return sealer.seal(notes_record(secret, version), plain)


def open_value(sealer: Sealer, version: SecretVersion) -> str:
    """Return the value of a version, read with its value.

    Raises VersionDestroyedError, and IntegrityError if the row was changed or belongs elsewhere.
    """
    if version.value is None:
        raise _destroyed(version)
    return sealer.open(value_record(version.secret, version.version), version.value).decode()


def open_notes(sealer: Sealer, version: SecretVersion) -> Notes:
    """Return the notes of a version. Raises VersionDestroyedError, and IntegrityError as above."""
    if version.notes is None:
        raise _destroyed(version)
    found = _decode(sealer.open(notes_record(version.secret, version.version), version.notes))
    return Notes(found.comment, found.tags, found.metadata)


def _destroyed(version: SecretVersion) -> VersionDestroyedError:
    return VersionDestroyedError(
        f"Version {version.version} was destroyed: its value is gone for good. Read another version.",
        field="version",
        rule="destroyed",
    )
