"""The JSON of dynamic secrets and leases."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.kernel.secret_value import SecretValue
from ca_service.web.durations import parse_duration, whole_seconds
from secrets_core.dynamic.operations import DynamicSecretView, LeaseView, NewLease, Reconciliation

Duration = str | int | None


class CreateBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a dynamic secret."""

    name: str
    path: str = "/"
    provider: str
    config: dict[str, Any]
    default_ttl: Duration = None
    max_ttl: Duration = None
    username_template: str | None = None


class UpdateBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change a dynamic secret: what is left out stays, in `config` too; null takes a member away."""

    config: dict[str, Any] | None = None
    default_ttl: Duration = None
    max_ttl: Duration = None
    username_template: str | None = None


class DynamicSecretBody(Struct, frozen=True, kw_only=True):
    """A dynamic secret; `config` without its password. Its accounts' names begin with `account_prefix`."""

    id: str
    name: str
    path: str
    environment: str
    provider: str
    config: Mapping[str, Any]
    version: int
    default_ttl: int
    max_ttl: int
    username_template: str
    account_prefix: str
    created_at: datetime
    updated_at: datetime


class TtlBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long, from now."""

    ttl: Duration = None


class AbandonBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why nobody will end the account."""

    reason: str


class ReconcileBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether accounts that no lease will end are dropped."""

    drop: bool = False


class NewLeaseBody(Struct, frozen=True, kw_only=True):
    """A lease that was just given, with what a client logs in with."""

    lease_id: str
    data: Mapping[str, str | int]
    expires_at: datetime
    max_expires_at: datetime
    ttl: int
    status: str
    dynamic_secret: str
    environment: str
    path: str


class LeaseBody(Struct, frozen=True, kw_only=True):
    """A lease. `reason` says why its account is not gone yet, `next_try_at` when that is tried again."""

    lease_id: str
    dynamic_secret: str
    dynamic_secret_id: str
    environment: str
    path: str
    username: str
    holder: str
    status: str
    created_at: datetime
    expires_at: datetime
    max_expires_at: datetime
    ending_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None
    is_overdue: bool
    failures: int
    next_try_at: datetime | None
    reason: str | None
    note: str | None


class ReconciliationBody(Struct, frozen=True, kw_only=True):
    """Accounts that no lease will end, those of them that were dropped, and leases without an account."""

    orphans: tuple[str, ...]
    dropped: tuple[str, ...]
    missing: tuple[LeaseBody, ...]


def ttl_of(value: Duration, *, field: str = "ttl") -> timedelta | None:
    """Return a duration that may be left out. Raises MalformedError, UnacceptableError."""
    return None if value is None else parse_duration(value, field=field)


def config_of(members: dict[str, Any]) -> SecretValue[bytes]:
    """Return a configuration as the operation carries it."""
    return SecretValue(msgspec.json.encode(members))


def dynamic_secret_body(view: DynamicSecretView) -> DynamicSecretBody:
    """Return a dynamic secret as JSON has it."""
    return DynamicSecretBody(
        id=view.id,
        name=view.name,
        path=view.path,
        environment=view.environment,
        provider=view.provider,
        config=view.config,
        version=view.version,
        default_ttl=whole_seconds(view.default_ttl),
        max_ttl=whole_seconds(view.max_ttl),
        username_template=view.username_template,
        account_prefix=view.account_prefix,
        created_at=view.created_at,
        updated_at=view.updated_at,
    )


def lease_body(view: LeaseView) -> LeaseBody:
    """Return a lease as JSON has it."""
    return LeaseBody(
        lease_id=view.id,
        dynamic_secret=view.dynamic_secret,
        dynamic_secret_id=view.dynamic_secret_id,
        environment=view.environment,
        path=view.path,
        username=view.username,
        holder=view.holder,
        status=view.status.value,
        created_at=view.created_at,
        expires_at=view.expires_at,
        max_expires_at=view.max_expires_at,
        ending_at=view.ending_at,
        ended_at=view.ended_at,
        end_reason=view.end_reason or None,
        is_overdue=view.is_overdue,
        failures=view.failures,
        next_try_at=view.next_try_at,
        reason=view.reason or None,
        note=view.note or None,
    )


def new_lease_body(given: NewLease) -> NewLeaseBody:
    """Return a lease that was just given as JSON has it: the one place where its password is shown."""
    connection = dict(given.connection)
    username = connection.pop("username")
    lease = given.lease
    return NewLeaseBody(
        lease_id=given.id,
        data={"username": username, "password": given.password.reveal(), **connection},
        expires_at=lease.expires_at,
        max_expires_at=lease.max_expires_at,
        ttl=whole_seconds(given.ttl),
        status=lease.status.value,
        dynamic_secret=lease.dynamic_secret,
        environment=lease.environment,
        path=lease.path,
    )


def reconciliation_body(found: Reconciliation) -> ReconciliationBody:
    """Return a comparison as JSON has it."""
    return ReconciliationBody(
        orphans=found.orphans,
        dropped=found.dropped,
        missing=tuple(lease_body(each) for each in found.missing),
    )
