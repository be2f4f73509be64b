"""What can be asked about keys themselves. `key` is the name of a key, or its id."""

from datetime import datetime, timedelta
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from secrets_core.kms.keys import DEFAULT_WAIT, KmsAlgorithm, KmsKey, KmsKeyChanges


class KmsKeyPage(Struct, frozen=True):
    """One page of keys by name; `next_key` is None on the last one."""

    items: tuple[KmsKey, ...]
    next_key: str | None


class KmsKeyVersionView(Struct, frozen=True, kw_only=True):
    """A version as it is shown. `state` is current, usable, or refused (below the minimum)."""

    version: int
    state: str
    created_at: datetime
    created_by: str


class KmsKeyVersionPage(Struct, frozen=True):
    """One page of versions, newest first; `next_key` is None on the last one."""

    items: tuple[KmsKeyVersionView, ...]
    next_key: str | None


class KmsPublicKey(Struct, frozen=True, kw_only=True):
    """The public part of one version, in PEM."""

    key: KmsKey
    version: int
    public_key: str


class CreateKmsKey(ProjectOperation[KmsKey], frozen=True, kw_only=True):
    """Make a key with its first version."""

    action: ClassVar[str] = "kms:manage"
    idempotent: ClassVar[bool] = True

    name: str
    algorithm: KmsAlgorithm
    description: str = ""


class ListKmsKeys(ProjectOperation[KmsKeyPage], frozen=True, kw_only=True):
    """List the keys that the caller may see, by name."""

    action: ClassVar[str] = "kms:describe"
    reads: ClassVar[bool] = True

    limit: int = 100
    after: str | None = None


class ReadKmsKey(ProjectOperation[KmsKey], frozen=True, kw_only=True):
    """Read what a key is, never its material."""

    action: ClassVar[str] = "kms:describe"
    reads: ClassVar[bool] = True

    key: str


class UpdateKmsKey(ProjectOperation[KmsKey], frozen=True, kw_only=True):
    """Describe a key, enable or disable it, or have it refuse its older versions."""

    action: ClassVar[str] = "kms:manage"

    key: str
    changes: KmsKeyChanges


class RotateKmsKey(ProjectOperation[KmsKey], frozen=True, kw_only=True):
    """Make the next version of a key, which is used from now on."""

    action: ClassVar[str] = "kms:manage"
    idempotent: ClassVar[bool] = True

    key: str


class ScheduleKmsKeyDeletion(ProjectOperation[KmsKey], frozen=True, kw_only=True):
    """Stop a key, and have it destroyed after a wait of 7 to 365 days."""

    action: ClassVar[str] = "kms:manage"

    key: str
    wait: timedelta = DEFAULT_WAIT


class RestoreKmsKey(ProjectOperation[KmsKey], frozen=True, kw_only=True):
    """Keep a key that is scheduled for deletion."""

    action: ClassVar[str] = "kms:manage"

    key: str


class DestroyKmsKey(ProjectOperation[KmsKey], frozen=True, kw_only=True):
    """Destroy a key with all its versions, once its wait is over; the destroying job's alone."""

    action: ClassVar[str] = "kms:destroy"

    key: str


class ListKmsKeyVersions(ProjectOperation[KmsKeyVersionPage], frozen=True, kw_only=True):
    """List the versions of a key, newest first."""

    action: ClassVar[str] = "kms:describe"
    reads: ClassVar[bool] = True

    key: str
    limit: int = 100
    after: str | None = None


class ReadKmsPublicKey(ProjectOperation[KmsPublicKey], frozen=True, kw_only=True):
    """Read the public key of a version, the newest unless one is named."""

    action: ClassVar[str] = "kms:describe"
    reads: ClassVar[bool] = True

    key: str
    version: int | None = None
