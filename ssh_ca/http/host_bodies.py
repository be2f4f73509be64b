"""The JSON of hosts, their tokens and login mappings."""

import binascii
from base64 import b64decode
from datetime import datetime

from msgspec import Struct

from ca_service.kernel.errors import MalformedError
from ca_service.web.durations import parse_duration
from ssh_ca.host_callers import EnrolmentAnswer, HostAnswer
from ssh_ca.hosts import HostLogins, LoginMapping, MappingScope, SshHost
from ssh_ca.operations.hosts import (
    CreateHostToken,
    CreateLoginMapping,
    HostCredentials,
    HostTokenRecord,
    NewHostToken,
)


class ChallengeBody(Struct, frozen=True, kw_only=True):
    """What a host signs, and for how many seconds an answer counts."""

    challenge: str
    expires_in: int


class EnrolBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Enrol a host. Each signature is by the key of the same place over the same message."""

    challenge: str
    names: tuple[str, ...]
    public_keys: tuple[str, ...]
    signatures: tuple[str, ...]
    token: str | None = None
    certificate: str | None = None
    certificate_signature: str | None = None


class ProofBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prove to be a host of the inventory."""

    challenge: str
    public_key: str
    signature: str


class HostBody(Struct, frozen=True, kw_only=True):
    """A host."""

    id: str
    name: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    profile: str
    user_authority: str | None
    public_keys: tuple[str, ...]
    status: str
    enrolled_by: str
    created_at: datetime
    last_proof_at: datetime


class HostCertificateBody(Struct, frozen=True, kw_only=True):
    """A certificate of a host."""

    serial_number: str
    public_key: str
    certificate: str
    valid_after: datetime
    valid_before: datetime


class CredentialsBody(Struct, frozen=True, kw_only=True):
    """A host and the certificates of its keys."""

    host: HostBody
    certificates: tuple[HostCertificateBody, ...]


class LoginsBody(Struct, frozen=True, kw_only=True):
    """Principals by account, and the lines for `TrustedUserCAKeys`."""

    host: HostBody
    accounts: dict[str, tuple[str, ...]]
    user_authorities: tuple[str, ...]


class CreateTokenBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a token for a host."""

    host: str
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    profile: str = "host"
    user_authority: str | None = None
    ttl: str | int | None = None


class TokenBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token; its text only in the answer that made it."""

    id: str
    host: str
    names: tuple[str, ...]
    groups: tuple[str, ...]
    profile: str
    user_authority: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    used_by: str | None
    token: str | None = None


class CreateMappingBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let somebody log in: to one host, a group of hosts, or all when neither is named."""

    account: str
    host: str | None = None
    group: str | None = None
    principals: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()


class MappingBody(Struct, frozen=True, kw_only=True):
    """A login mapping."""

    id: str
    account: str
    host: str | None
    group: str | None
    principals: tuple[str, ...]
    identities: tuple[str, ...]
    created_by: str
    created_at: datetime


def parse_enrolment(body: EnrolBody) -> EnrolmentAnswer:
    """Return what a new host sent. Raises MalformedError."""
    if (body.token is None) == (body.certificate is None):
        raise MalformedError(
            "Send either `token`, or `certificate` with `certificate_signature`.",
            field="token",
            rule="enrolment-credential",
        )
    try:
        signature = b64decode(body.certificate_signature or "", validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(
            "The signature of the certificate's key is in base64.",
            field="certificate_signature",
            rule="base64",
        ) from None
    return EnrolmentAnswer(
        challenge=body.challenge,
        names=body.names,
        public_keys=body.public_keys,
        signatures=body.signatures,
        token=body.token,
        certificate=body.certificate,
        certificate_signature=signature,
    )


def parse_proof(body: ProofBody) -> HostAnswer:
    """Return what a host sent to prove itself."""
    return HostAnswer(challenge=body.challenge, public_key=body.public_key, signature=body.signature)


def token_asked(project: str, body: CreateTokenBody) -> CreateHostToken:
    """Return the operation that makes a token. Raises MalformedError."""
    return CreateHostToken(
        project=project,
        host=body.host,
        names=body.names,
        groups=body.groups,
        profile=body.profile,
        user_authority=body.user_authority,
        ttl=None if body.ttl is None else parse_duration(body.ttl, field="ttl"),
    )


def mapping_asked(project: str, body: CreateMappingBody) -> CreateLoginMapping:
    """Return the operation that makes a mapping. Raises MalformedError."""
    if body.host is not None and body.group is not None:
        raise MalformedError("Name a host or a group, or neither.", field="group", rule="mapping-scope")
    scope = MappingScope.PROJECT
    if body.host is not None:
        scope = MappingScope.HOST
    elif body.group is not None:
        scope = MappingScope.GROUP
    return CreateLoginMapping(
        project=project,
        scope=scope,
        scope_name=body.host or body.group or "",
        account=body.account,
        principals=body.principals,
        identities=body.identities,
    )


def host_body(host: SshHost) -> HostBody:
    """Return a host."""
    return HostBody(
        id=host.id,
        name=host.name,
        names=host.names,
        groups=host.groups,
        profile=host.profile,
        user_authority=host.user_authority,
        public_keys=host.keys,
        status=host.status.value,
        enrolled_by=host.enrolled_by,
        created_at=host.created_at,
        last_proof_at=host.proved_at,
    )


def credentials_body(credentials: HostCredentials) -> CredentialsBody:
    """Return a host and its certificates; they stand in the order of its keys."""
    certificates = [
        HostCertificateBody(
            serial_number=str(issued.serial_number),
            public_key=line,
            certificate=issued.certificate,
            valid_after=issued.valid_after,
            valid_before=issued.valid_before,
        )
        for line, issued in zip(credentials.host.keys, credentials.certificates, strict=True)
    ]
    return CredentialsBody(host=host_body(credentials.host), certificates=tuple(certificates))


def logins_body(logins: HostLogins) -> LoginsBody:
    """Return who may log in to a host."""
    return LoginsBody(
        host=host_body(logins.host), accounts=logins.accounts, user_authorities=logins.user_authorities
    )


def token_body(record: HostTokenRecord) -> TokenBody:
    """Return a token without its text."""
    return TokenBody(
        id=record.id,
        host=record.host,
        names=record.names,
        groups=record.groups,
        profile=record.profile,
        user_authority=record.user_authority,
        created_at=record.created_at,
        expires_at=record.expires_at,
        used_at=record.used_at,
        used_by=record.used_by,
    )


def new_token_body(made: NewHostToken) -> TokenBody:
    """Return a token with its text, which leaves for its rightful receiver here and never again."""
    shown = token_body(made.record)
    return TokenBody(
        **{name: getattr(shown, name) for name in shown.__struct_fields__ if name != "token"},
        token=made.token.reveal(),
    )


def mapping_body(mapping: LoginMapping) -> MappingBody:
    """Return a login mapping."""
    return MappingBody(
        id=mapping.id,
        account=mapping.account,
        host=mapping.scope_name if mapping.scope is MappingScope.HOST else None,
        group=mapping.scope_name if mapping.scope is MappingScope.GROUP else None,
        principals=mapping.principals,
        identities=mapping.identities,
        created_by=mapping.created_by,
        created_at=mapping.created_at,
    )
