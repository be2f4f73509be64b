"""Secrets and their versions, and the rules of what may stand in them."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from ca_service.kernel.errors import MalformedError, TooLargeError
from ca_service.kernel.tenancy import Tenant

LARGEST_VALUE = 1024 * 1024
LONGEST_COMMENT = 4096
LONGEST_MESSAGE = 1024
MOST_TAGS = 64
MOST_METADATA = 64
LONGEST_METADATA_KEY = 256
LONGEST_METADATA_VALUE = 4096
#: The greatest number that a version can have, or be asked for.
LAST_VERSION = 2**62

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}", re.ASCII)
_TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_VERSION = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class VersionState(StrEnum):
    """What became of a version."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    DESTROYED = "destroyed"


class Notes(Struct, frozen=True):
    """What stands beside a value, version by version; sealed like it. `tags` are in order, each once."""

    comment: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = {}


class Secret(Struct, frozen=True, kw_only=True):
    """Where a secret lies and which version is current. `mac` is that of its row, by which it is changed.

    `tags` are those of the current version: policies look at them. A deleted secret keeps its name, folder
    and versions; the next value written to it is its next version.
    """

    tenant: Tenant
    id: str
    folder: str
    name: str
    version: int
    tags: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    mac: bytes = b""

    @property
    def is_live(self) -> bool:
        """Tell whether it was not deleted."""
        return self.deleted_at is None


class SecretVersion(Struct, frozen=True, kw_only=True):
    """One version, written once: `value` and `notes` are sealed, and None once it was destroyed.

    `digest` is a keyed hash of the value, by which two versions can be told apart for ever.
    """

    tenant: Tenant
    secret: str
    version: int
    value: bytes | None
    notes: bytes | None
    digest: bytes
    created_at: datetime
    created_by: str
    commit: str
    destroyed_at: datetime | None = None

    def state_in(self, secret: Secret) -> VersionState:
        """Return what became of this version."""
        if self.destroyed_at is not None:
            return VersionState.DESTROYED
        is_current = secret.is_live and secret.version == self.version
        return VersionState.CURRENT if is_current else VersionState.SUPERSEDED


def parse_name(text: str, *, field: str = "name") -> str:
    """Return a secret's name. Raises MalformedError."""
    if not _NAME.fullmatch(text):
        raise MalformedError(
            "A secret's name begins with a letter or `_`; up to 254 letters, digits, `_`, `.` and `-` "
            "follow, like DATABASE_URL.",
            field=field,
            rule="name",
        )
    return text


def parse_value(text: str, *, field: str = "value") -> str:
    """Return a value of at most 1 MiB. Raises TooLargeError, and MalformedError if it has no UTF-8."""
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise MalformedError("The value is not text in UTF-8.", field=field, rule="utf8") from error
    if size > LARGEST_VALUE:
        raise TooLargeError(
            "A value has at most 1 MiB in UTF-8; keep larger things elsewhere and their key here.",
            field=field,
            rule="value-size",
        )
    return text


def parse_comment(text: str, *, field: str = "comment") -> str:
    """Return a comment. Raises MalformedError."""
    if len(text) > LONGEST_COMMENT:
        raise MalformedError(
            f"A comment has at most {LONGEST_COMMENT} characters.", field=field, rule="bounds"
        )
    return text


def parse_tags(texts: tuple[str, ...], *, field: str = "tags") -> tuple[str, ...]:
    """Return tags in order, each once. Raises MalformedError."""
    if len(texts) > MOST_TAGS:
        raise MalformedError(f"A secret has at most {MOST_TAGS} tags.", field=field, rule="bounds")
    for i, text in enumerate(texts):
        if not _TAG.fullmatch(text):
            raise MalformedError(
                "A tag has 1 to 64 small letters, digits and `-`, and begins with a letter or digit.",
                field=f"{field}[{i}]",
                rule="tag",
            )
    return tuple(sorted(set(texts)))


def parse_metadata(pairs: Mapping[str, str], *, field: str = "metadata") -> Mapping[str, str]:
    """Return metadata in the order of its keys. Raises MalformedError."""
    if len(pairs) > MOST_METADATA:
        raise MalformedError(
            f"A secret has at most {MOST_METADATA} pairs of metadata.", field=field, rule="bounds"
        )
    for key, value in pairs.items():
        if not 1 <= len(key) <= LONGEST_METADATA_KEY or len(value) > LONGEST_METADATA_VALUE:
            raise MalformedError(
                f"A key of metadata has 1 to {LONGEST_METADATA_KEY} characters and its value at most "
                f"{LONGEST_METADATA_VALUE}.",
                field=field,
                rule="bounds",
            )
    return dict(sorted(pairs.items()))


def parse_message(text: str) -> str:
    """Return the message of a commit. Raises MalformedError."""
    if len(text) > LONGEST_MESSAGE:
        raise MalformedError(
            f"A message has at most {LONGEST_MESSAGE} characters.", field="message", rule="bounds"
        )
    return text


def parse_version(text: str, *, field: str = "version") -> int:
    """Return the number of a version from an address. Raises MalformedError."""
    if not _VERSION.fullmatch(text):
        raise MalformedError(
            "A version is a whole number from 1 on, as `versions` lists them.", field=field, rule="version"
        )
    return int(text)
