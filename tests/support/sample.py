"""The shape of a sample: an operation on a tenant's things, who rightly performs it, and its HTTP request."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.gate.caller import Caller, CallerKind
from ca_service.gate.operation import Operation, OrganizationOperation, ProjectOperation
from tests.support.holders import Holder
from tests.support.instance import ADMINISTRATOR
from tests.support.things import NOWHERE, Things

_PLACE = {"organization", "organization_slug", "project", "project_slug", "jwk"}


class By(Enum):
    """Who rightly performs a sample: the administrator of the instance, or somebody of the tenant itself."""

    ADMINISTRATOR = "administrator"
    MACHINE = "machine"
    LOGIN = "login"
    ACCOUNT = "account"
    NEW_KEY = "new key"
    CERTIFICATE_KEY = "certificate key"
    SSH_HOST = "ssh host"
    NEW_SSH_HOST = "new ssh host"
    VALIDATOR = "acme-validate"
    PUBLISHER = "x509-publish"
    SSH_PUBLISHER = "ssh-publish"
    REVOKER = "x509-revoke"
    NOTIFIER = "x509-notify"
    KMS_DESTROYER = "kms-destroy"
    LEASE_ENDER = "dynamic-leases"


JOBS = frozenset(
    {
        By.VALIDATOR,
        By.PUBLISHER,
        By.SSH_PUBLISHER,
        By.REVOKER,
        By.NOTIFIER,
        By.KMS_DESTROYER,
        By.LEASE_ENDER,
    }
)


class Knock(Struct, frozen=True):
    """A request of our own API. `path` holds fields of `Things` in braces."""

    method: str
    path: str
    body: Callable[[Things], Any] | None = None

    @property
    def template(self) -> str:
        """Return the path with every parameter alike, as `template_of` writes those of routes."""
        return template_of(self.path)

    def target(self, things: Things) -> str:
        """Return the path and query of a request for these things."""
        return self.path.format(**msgspec.structs.asdict(things))

    def content(self, things: Things) -> bytes:
        """Return the body of a request for these things."""
        return b"" if self.body is None else msgspec.json.encode(self.body(things))


class Jws(Struct, frozen=True):
    """A request of ACME. `resource` stands behind the directory's prefix; no payload means POST-as-GET."""

    resource: str
    payload: Callable[[Things], Any] | None = None
    signed_by_key: bool = False

    def target(self, things: Things) -> str:
        """Return the path below the directory for these things."""
        return self.resource.format(**msgspec.structs.asdict(things))


class Sample(Struct, frozen=True, kw_only=True):
    """One operation that its rightful caller performs with success on the things of a tenant."""

    name: str
    ask: Callable[[Things], Operation[Any]]
    by: By = By.ADMINISTRATOR
    knock: Knock | Jws | None = None

    @property
    def operation(self) -> type[Operation[Any]]:
        """Return the class of the operation."""
        return type(self.ask(NOWHERE))

    @property
    def is_in_a_place(self) -> bool:
        """Tell whether the operation names a project or an organization."""
        return issubclass(self.operation, ProjectOperation | OrganizationOperation)

    @property
    def names_things(self) -> bool:
        """Tell whether operation or request name more than a project or an organization."""
        others = msgspec.structs.replace(NOWHERE, **_other_things())
        return self.ask(NOWHERE) != self.ask(others)

    def caller(self, holder: Holder) -> Caller:
        """Return the rightful caller."""
        if self.by is By.ADMINISTRATOR:
            return ADMINISTRATOR
        if self.by in JOBS:
            return _job(self.by.value, holder)
        own = {
            By.MACHINE: holder.machine,
            By.LOGIN: holder.login,
            By.ACCOUNT: holder.account,
            By.NEW_KEY: holder.new_key,
            By.CERTIFICATE_KEY: holder.certificate_key,
            By.SSH_HOST: holder.ssh_host,
            By.NEW_SSH_HOST: holder.new_ssh_host,
        }
        return own[self.by]


def template_of(path: str) -> str:
    """Return a path or route without its query, and every parameter written `{}`."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


def b64(data: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_payload(payload: Any) -> bytes:
    """Return the payload of a JWS."""
    return json.dumps(payload).encode()


def _other_things() -> dict[str, Any]:
    return {
        field: f"other-{value}" if isinstance(value, str) else value + type(value)(1)
        for field, value in msgspec.structs.asdict(NOWHERE).items()
        if field not in _PLACE
    }


def _job(name: str, holder: Holder) -> Caller:
    return Caller(
        kind=CallerKind.SYSTEM,
        id=name,
        name=name,
        address="",
        authenticated_by="job",
        organization=holder.tenant.organization,
        project=holder.tenant.project,
    )
