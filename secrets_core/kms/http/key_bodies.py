"""The JSON of keys and their versions."""

from datetime import datetime, timedelta

from msgspec import UNSET, Struct, UnsetType

from ca_service.kernel.errors import MalformedError
from ca_service.web.durations import parse_duration
from secrets_core.kms.keys import DEFAULT_WAIT, KmsAlgorithm, KmsKey, KmsKeyChanges
from secrets_core.kms.operations import KmsKeyVersionView, KmsPublicKey


class CreateKmsKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a key."""

    name: str
    algorithm: str
    description: str = ""


class UpdateKmsKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change a key; what is left out stays. Under another name it opens what it made as before."""

    new_name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    minimum_version: int | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class DeleteKmsKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Schedule the deletion of a key after 7 to 365 days, 30 if left out."""

    wait: str | int | UnsetType = UNSET


class KmsKeyBody(Struct, frozen=True, kw_only=True):
    """A key. `status` is enabled, disabled or scheduled (for deletion, at `deletes_at`)."""

    id: str
    name: str
    algorithm: str
    description: str
    status: str
    is_enabled: bool
    current_version: int
    minimum_version: int
    signature_algorithms: tuple[str, ...]
    created_at: datetime
    created_by: str
    updated_at: datetime
    deletes_at: datetime | UnsetType = UNSET


class KmsKeyVersionBody(Struct, frozen=True, kw_only=True):
    """A version. `state` is current, usable, or refused (below the key's minimum)."""

    version: int
    state: str
    created_at: datetime
    created_by: str


class KmsPublicKeyBody(Struct, frozen=True, kw_only=True):
    """The public key of one version, in PEM."""

    name: str
    algorithm: str
    version: int
    public_key: str
    signature_algorithms: tuple[str, ...]


def parse_algorithm(text: str) -> KmsAlgorithm:
    """Return the algorithm of a new key. Raises MalformedError."""
    try:
        return KmsAlgorithm(text)
    except ValueError:
        names = ", ".join(member.value for member in KmsAlgorithm)
        raise MalformedError(f"algorithm is one of {names}.", field="algorithm", rule="choice") from None


def parse_version(text: str | None) -> int | None:
    """Return the version of a query. Raises MalformedError."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise MalformedError("`version` is the number of a version.", field="version", rule="version")
    return int(text)


def parse_wait(body: DeleteKmsKeyBody) -> timedelta:
    """Return how long a key waits for its deletion. Raises as `parse_duration`."""
    return DEFAULT_WAIT if body.wait is UNSET else parse_duration(body.wait, field="wait")


def parse_changes(body: UpdateKmsKeyBody) -> KmsKeyChanges:
    """Return the changes that a body asks for."""
    return KmsKeyChanges(
        name=None if body.new_name is UNSET else body.new_name,
        description=None if body.description is UNSET else body.description,
        minimum_version=None if body.minimum_version is UNSET else body.minimum_version,
        is_enabled=None if body.is_enabled is UNSET else body.is_enabled,
    )


def key_body(key: KmsKey) -> KmsKeyBody:
    """Return a key as it is shown."""
    status = "enabled" if key.is_enabled else "disabled"
    return KmsKeyBody(
        id=key.id,
        name=key.name,
        algorithm=key.algorithm.value,
        description=key.description,
        status=status if key.deletes_at is None else "scheduled",
        is_enabled=key.is_enabled,
        current_version=key.version,
        minimum_version=key.minimum_version,
        signature_algorithms=_schemes(key),
        created_at=key.created_at,
        created_by=key.created_by,
        updated_at=key.updated_at,
        deletes_at=UNSET if key.deletes_at is None else key.deletes_at,
    )


def version_body(version: KmsKeyVersionView) -> KmsKeyVersionBody:
    """Return a version as it is shown."""
    return KmsKeyVersionBody(
        version=version.version,
        state=version.state,
        created_at=version.created_at,
        created_by=version.created_by,
    )


def public_key_body(found: KmsPublicKey) -> KmsPublicKeyBody:
    """Return a public key as it is shown."""
    return KmsPublicKeyBody(
        name=found.key.name,
        algorithm=found.key.algorithm.value,
        version=found.version,
        public_key=found.public_key,
        signature_algorithms=_schemes(found.key),
    )


def _schemes(key: KmsKey) -> tuple[str, ...]:
    return tuple(scheme.value for scheme in key.algorithm.schemes)
