"""Identities and client secrets as JSON takes and shows them."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from ca_service.identity.identities import TokenTerms
from ca_service.identity.lockouts.lockouts import LockoutTerms
from ca_service.identity.operations import ClientSecretRecord, IdentityRecord
from ca_service.web.durations import parse_duration, whole_seconds

#: A name for people: any script, no control characters.
DisplayName = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
Duration = str | int


class NewIdentityBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making an identity takes; the `token_` fields say what its tokens are like."""

    name: DisplayName
    project: str | None = None
    token_ttl: Duration | None = None
    token_max_ttl: Duration | None = None
    token_uses: int | None = None
    token_networks: tuple[str, ...] = ()
    lockout_threshold: int | None = None
    lockout_duration: Duration | None = None
    lockout_window: Duration | None = None


class IdentityChangeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What can be changed of an identity."""

    name: DisplayName | None = None
    disabled: bool | None = None
    lockout_threshold: int | None = None
    lockout_duration: Duration | None = None
    lockout_window: Duration | None = None


class IdentityBody(Struct, frozen=True):
    """An identity. Null in a `lockout_` field: as the configuration says."""

    id: str
    name: str
    organization: str
    project: str | None
    disabled: bool
    token_ttl: int | None
    token_max_ttl: int | None
    token_uses: int | None
    token_networks: tuple[str, ...]
    lockout_threshold: int | None
    lockout_duration: int | None
    lockout_window: int | None
    created_at: datetime
    created_by: str


class NewClientSecretBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What making a client secret takes."""

    description: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")] = ""
    ttl: Duration | None = None
    uses: int | None = None
    networks: tuple[str, ...] = ()


class ClientSecretBody(Struct, frozen=True, omit_defaults=True):
    """A client secret; `client_secret` is there once, in the answer to making it."""

    id: str
    client_id: str
    description: str
    created_at: datetime
    expires_at: datetime | None
    uses_left: int | None
    networks: tuple[str, ...]
    last_used_at: datetime | None
    client_secret: str | None = None


def identity_body(identity: IdentityRecord) -> IdentityBody:
    """Return an identity as JSON shows it."""
    terms, lockout = identity.terms, identity.terms.lockout or LockoutTerms()
    return IdentityBody(
        id=identity.id,
        name=identity.name,
        organization=identity.organization,
        project=identity.project,
        disabled=identity.disabled,
        token_ttl=_seconds(terms.ttl),
        token_max_ttl=_seconds(terms.max_ttl),
        token_uses=terms.uses,
        token_networks=terms.networks,
        lockout_threshold=lockout.threshold,
        lockout_duration=_seconds(lockout.duration),
        lockout_window=_seconds(lockout.window),
        created_at=identity.created_at,
        created_by=identity.created_by,
    )


def _seconds(span: timedelta | None) -> int | None:
    return None if span is None else whole_seconds(span)


def optional_span(text: Duration | None, field: str) -> timedelta | None:
    """Return a duration that may have been left out. Raises MalformedError."""
    return None if text is None else parse_duration(text, field=field)


def lockout_terms(body: NewIdentityBody | IdentityChangeBody) -> LockoutTerms | None:
    """Return what a body says of lock-outs; None if it says nothing. Raises MalformedError."""
    terms = LockoutTerms(
        threshold=body.lockout_threshold,
        duration=optional_span(body.lockout_duration, "lockout_duration"),
        window=optional_span(body.lockout_window, "lockout_window"),
    )
    return None if terms == LockoutTerms() else terms


def client_secret_body(record: ClientSecretRecord, text: str | None = None) -> ClientSecretBody:
    """Return a client secret as JSON shows it."""
    return ClientSecretBody(
        id=record.id,
        client_id=record.client_id,
        description=record.description,
        created_at=record.created_at,
        expires_at=record.expires_at,
        uses_left=record.uses_left,
        networks=record.networks,
        last_used_at=record.last_used_at,
        client_secret=text,
    )


def token_terms(body: NewIdentityBody) -> TokenTerms:
    """Return what tokens of a new identity are to be like. Raises MalformedError."""
    return TokenTerms(
        ttl=optional_span(body.token_ttl, "token_ttl"),
        max_ttl=optional_span(body.token_max_ttl, "token_max_ttl"),
        uses=body.token_uses,
        networks=body.token_networks,
        lockout=lockout_terms(body),
    )
