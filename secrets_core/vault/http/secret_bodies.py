"""The JSON of secrets and their versions."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.operations.secrets import (
    PutSecret,
    RevealedSecret,
    SecretRecord,
    UpdateSecret,
    VersionRecord,
)


class PutSecretBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Write a version; what is left out stays as the version before had it."""

    value: str
    comment: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, str] | None = None
    message: str = ""

    def __repr__(self) -> str:
        return "PutSecretBody(hidden)"


class UpdateSecretBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change what is named, and nothing else."""

    value: str | None = None
    comment: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, str] | None = None
    new_name: str | None = None
    new_path: str | None = None
    message: str = ""

    def __repr__(self) -> str:
        return "UpdateSecretBody(hidden)"


class DestroyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Destroy versions."""

    versions: tuple[int, ...]


class SecretBody(Struct, frozen=True, kw_only=True):
    """A secret without its value. `commit` is the commit that wrote this version."""

    name: str
    path: str
    environment: str
    version: int
    created_at: datetime
    updated_at: datetime
    comment: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    commit: str


class RevealedSecretBody(Struct, frozen=True, kw_only=True):
    """A secret with its value."""

    name: str
    path: str
    environment: str
    value: str
    version: int
    created_at: datetime
    updated_at: datetime
    comment: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]

    def __repr__(self) -> str:
        return "RevealedSecretBody(hidden)"


class VersionBody(Struct, frozen=True, kw_only=True):
    """A version."""

    version: int
    state: str
    created_at: datetime
    created_by: str
    commit: str


def put_asked(
    project: str, environment: str, path: str, name: str, body: PutSecretBody, if_version: int | None
) -> PutSecret:
    """Return what a body asks for."""
    return PutSecret(
        project=project,
        environment=environment,
        path=path,
        name=name,
        value=SecretValue(body.value),
        comment=body.comment,
        tags=body.tags,
        metadata=body.metadata,
        message=body.message,
        if_version=if_version,
    )


def update_asked(
    project: str, environment: str, path: str, name: str, body: UpdateSecretBody, if_version: int | None
) -> UpdateSecret:
    """Return what a body asks for."""
    return UpdateSecret(
        project=project,
        environment=environment,
        path=path,
        name=name,
        value=None if body.value is None else SecretValue(body.value),
        comment=body.comment,
        tags=body.tags,
        metadata=body.metadata,
        new_name=body.new_name,
        new_path=body.new_path,
        message=body.message,
        if_version=if_version,
    )


def secret_body(record: SecretRecord) -> SecretBody:
    """Return a secret as JSON shows it."""
    return SecretBody(
        name=record.name,
        path=record.path,
        environment=record.environment,
        version=record.version,
        created_at=record.created_at,
        updated_at=record.updated_at,
        comment=record.comment,
        tags=record.tags,
        metadata=record.metadata,
        commit=record.commit,
    )


def revealed_body(revealed: RevealedSecret) -> RevealedSecretBody:
    """Return a secret with its value as JSON shows it."""
    record = revealed.record
    return RevealedSecretBody(
        name=record.name,
        path=record.path,
        environment=record.environment,
        value=revealed.value.reveal(),
        version=record.version,
        created_at=record.created_at,
        updated_at=record.updated_at,
        comment=record.comment,
        tags=record.tags,
        metadata=record.metadata,
    )


def version_body(record: VersionRecord) -> VersionBody:
    """Return a version as JSON shows it."""
    return VersionBody(
        version=record.version,
        state=record.state.value,
        created_at=record.created_at,
        created_by=record.created_by,
        commit=record.commit,
    )
