"""What can be asked of dynamic secrets and leases, and what is answered."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.leases import LeaseStatus

_MOST = 100


class DynamicSecretView(Struct, frozen=True, kw_only=True):
    """A dynamic secret as it is shown: `config` without its secret members."""

    id: str
    name: str
    path: str
    environment: str
    provider: str
    config: Mapping[str, Any]
    version: int
    default_ttl: timedelta
    max_ttl: timedelta
    username_template: str
    account_prefix: str
    created_at: datetime
    updated_at: datetime


class LeaseView(Struct, frozen=True, kw_only=True):
    """A lease as it is shown: never the password. `reason` says why its end was not reached yet."""

    id: str
    dynamic_secret: str
    dynamic_secret_id: str
    environment: str
    path: str
    username: str
    holder: str
    status: LeaseStatus
    created_at: datetime
    expires_at: datetime
    max_expires_at: datetime
    ending_at: datetime | None
    ended_at: datetime | None
    end_reason: str
    is_overdue: bool
    failures: int
    next_try_at: datetime | None
    reason: str
    note: str


class NewLease(Struct, frozen=True, kw_only=True):
    """A lease that was just given, with the one copy of its password."""

    id: str
    lease: LeaseView
    connection: dict[str, str | int]
    password: SecretValue[str]
    ttl: timedelta


class RevokedLease(Struct, frozen=True, kw_only=True):
    """What one attempt to end a lease came to."""

    lease: LeaseView
    is_target_down: bool


class Reconciliation(Struct, frozen=True, kw_only=True):
    """Accounts that no lease will end, what of them was dropped, and active leases without an account."""

    orphans: tuple[str, ...]
    dropped: tuple[str, ...]
    missing: tuple[LeaseView, ...]


class DynamicSecretPage(Struct, frozen=True):
    """Dynamic secrets in the order of their names."""

    items: tuple[DynamicSecretView, ...]
    next_key: str | None


class LeasePage(Struct, frozen=True):
    """Leases, newest first."""

    items: tuple[LeaseView, ...]
    next_key: str | None


class CreateDynamicSecret(ProjectOperation[DynamicSecretView], frozen=True, kw_only=True):
    """Say where accounts are made; the target is asked whether it would. `config` is a JSON object."""

    action: ClassVar[str] = "dynamic:manage"
    idempotent: ClassVar[bool] = True
    environment: str
    path: str = "/"
    name: str
    provider: str
    config: SecretValue[bytes]
    default_ttl: timedelta | None = None
    max_ttl: timedelta | None = None
    username_template: str | None = None


class ReadDynamicSecret(ProjectOperation[DynamicSecretView], frozen=True, kw_only=True):
    """Read one, without the secret members of its configuration."""

    action: ClassVar[str] = "dynamic:describe"
    reads: ClassVar[bool] = True
    environment: str
    path: str = "/"
    name: str


class ListDynamicSecrets(ProjectOperation[DynamicSecretPage], frozen=True, kw_only=True):
    """List those of one folder."""

    action: ClassVar[str] = "dynamic:describe"
    reads: ClassVar[bool] = True
    environment: str
    path: str = "/"
    limit: int = _MOST
    after: str | None = None


class UpdateDynamicSecret(ProjectOperation[DynamicSecretView], frozen=True, kw_only=True):
    """Change one: what is None stays, and so do members of the configuration that are not named.

    Live leases end by what they were made with.
    """

    action: ClassVar[str] = "dynamic:manage"
    environment: str
    path: str = "/"
    name: str
    config: SecretValue[bytes] | None = None
    default_ttl: timedelta | None = None
    max_ttl: timedelta | None = None
    username_template: str | None = None


class DeleteDynamicSecret(ProjectOperation[None], frozen=True, kw_only=True):
    """Delete one; with `revoke` its live leases are ended, without it they are in the way."""

    action: ClassVar[str] = "dynamic:manage"
    takes_away: ClassVar[bool] = True
    environment: str
    path: str = "/"
    name: str
    revoke: bool = False


class ReconcileDynamicSecret(ProjectOperation[Reconciliation], frozen=True, kw_only=True):
    """Compare the accounts at the target with the leases; with `drop`, end those that no lease will end."""

    action: ClassVar[str] = "dynamic:manage"
    environment: str
    path: str = "/"
    name: str
    drop: bool = False


class CreateLease(ProjectOperation[NewLease], frozen=True, kw_only=True):
    """Make an account that lives for `ttl`, or for the default where it is left out."""

    action: ClassVar[str] = "dynamic:lease"
    idempotent: ClassVar[bool] = True
    environment: str
    path: str = "/"
    name: str
    ttl: timedelta | None = None


class ReadLease(ProjectOperation[LeaseView], frozen=True, kw_only=True):
    """Read one lease."""

    action: ClassVar[str] = "dynamic:describe"
    reads: ClassVar[bool] = True
    lease: str


class ListLeases(ProjectOperation[LeasePage], frozen=True, kw_only=True):
    """List leases, newest first, of the project, or of one dynamic secret by its name or id.

    With `environment` and `path` the name means the one in that folder. `overdue` ones are those whose end is
    late.
    """

    action: ClassVar[str] = "dynamic:describe"
    reads: ClassVar[bool] = True
    dynamic_secret: str | None = None
    environment: str | None = None
    path: str = "/"
    status: LeaseStatus | None = None
    overdue: bool = False
    limit: int = _MOST
    after: str | None = None


class RenewLease(ProjectOperation[LeaseView], frozen=True, kw_only=True):
    """Let a lease live for `ttl` from now, at most as long as its dynamic secret allows in all."""

    action: ClassVar[str] = "dynamic:renew"
    lease: str
    ttl: timedelta | None = None


class RevokeLease(ProjectOperation[RevokedLease], frozen=True, kw_only=True):
    """End a lease: one attempt at once, and more by themselves until its account is gone."""

    action: ClassVar[str] = "dynamic:revoke"
    takes_away: ClassVar[bool] = True
    lease: str


class EndDueLease(ProjectOperation[RevokedLease], frozen=True, kw_only=True):
    """End a lease that is due, as a job. It has the lease under `claim`; None: it takes it."""

    action: ClassVar[str] = "dynamic:end"
    takes_away: ClassVar[bool] = True
    lease: str
    claim: str | None = None


class AbandonLease(ProjectOperation[LeaseView], frozen=True, kw_only=True):
    """Stop trying to end an account that nobody can reach any more; the lease stays as a record of that."""

    action: ClassVar[str] = "dynamic:manage"
    takes_away: ClassVar[bool] = True
    lease: str
    reason: str
