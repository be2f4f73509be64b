"""Where the handlers find dynamic secrets, leases and their providers, and how both are shown."""

from typing import Any

import msgspec

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.handler import Call
from ca_service.gate.principals import caller_name, principal_of
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.values import Access
from secrets_core.dynamic import dynamic_secrets, leases
from secrets_core.dynamic.accesses import dynamic_access
from secrets_core.dynamic.dynamic_secrets import DynamicSecret
from secrets_core.dynamic.leases import Lease
from secrets_core.dynamic.operations import DynamicSecretView, LeaseView
from secrets_core.dynamic.providers.port import Provider, Target
from secrets_core.dynamic.providers.providers import Providers
from secrets_core.dynamic.sealed_targets import SealedTargets
from secrets_core.dynamic.storage.dynamic_secrets import find_dynamic_secret, find_dynamic_secret_by_id
from secrets_core.dynamic.storage.leases import find_lease
from secrets_core.dynamic.usernames import AccountNames
from secrets_core.environments import Environments
from secrets_core.paths import parse_path


class Catalogue:
    """Finds and shows."""

    def __init__(
        self,
        database: Database,
        custody: Custody,
        policy: PolicyEngine,
        providers: Providers,
        names: AccountNames,
    ) -> None:
        self.database = database
        self.environments = Environments(database, policy)
        self.providers = providers
        self.names = names
        self.sealed = SealedTargets(custody)
        self.secret_mac = RowMac(custody, dynamic_secrets.TABLE)
        self.lease_mac = RowMac(custody, leases.TABLE)
        self._policy = policy

    async def find(self, tenant: Tenant, environment: str, path: str, name: str) -> DynamicSecret:
        """Return a dynamic secret. Raises NotFoundError, MalformedError."""
        folder = parse_path(path)
        place = await self.environments.find(tenant, environment)
        found = await find_dynamic_secret(self.database, self.secret_mac, tenant, place.id, folder, name)
        if found is None:
            raise NotFoundError("dynamic secret")
        return found

    async def find_lease(self, tenant: Tenant, lease_id: str) -> tuple[Lease, DynamicSecret]:
        """Return a lease and what it is of. Raises NotFoundError("lease")."""
        lease = await find_lease(self.database, self.lease_mac, tenant, lease_id)
        if lease is None:
            raise NotFoundError("lease")
        secret = await find_dynamic_secret_by_id(self.database, self.secret_mac, tenant, lease.dynamic_secret)
        if secret is None:
            raise NotFoundError("lease")
        return lease, secret

    def provider(self, target: Target) -> Provider:
        """Return the provider of a target. Raises ProviderUnknownError."""
        return self.providers.find(target.provider)

    async def permits(self, call: Call, access: Access) -> bool:
        """Tell whether the caller may do this, for filtering a list; nothing is written about a refusal."""
        return (await self._policy.decide(principal_of(call.caller), access)).allowed

    async def show(self, secret: DynamicSecret, target: Target | None = None) -> DynamicSecretView:
        """Return a dynamic secret as it is shown; the target is opened where it is not given."""
        found = await self.sealed.target(secret) if target is None else target
        hidden = self.provider(found).secret_members
        members: dict[str, Any] = msgspec.json.decode(found.settings.reveal())
        return DynamicSecretView(
            id=secret.id,
            name=secret.name,
            path=secret.path,
            environment=secret.environment_slug,
            provider=secret.provider,
            config={name: value for name, value in members.items() if name not in hidden},
            version=secret.version,
            default_ttl=secret.default_ttl,
            max_ttl=secret.max_ttl,
            username_template=secret.username_template,
            account_prefix=self.names.prefix(secret.id),
            created_at=secret.created_at,
            updated_at=secret.updated_at,
        )

    def show_lease(self, lease: Lease, secret: DynamicSecret) -> LeaseView:
        """Return a lease as it is shown."""
        schedule = lease.schedule
        is_ending = lease.is_live and lease.ending_at is not None
        return LeaseView(
            id=lease.id,
            dynamic_secret=secret.name,
            dynamic_secret_id=secret.id,
            environment=secret.environment_slug,
            path=secret.path,
            username=lease.username,
            holder=lease.holder,
            status=lease.status,
            created_at=lease.created_at,
            expires_at=lease.expires_at,
            max_expires_at=lease.max_expires_at,
            ending_at=lease.ending_at,
            ended_at=lease.ended_at,
            end_reason=lease.end_reason.value,
            is_overdue=lease.is_overdue(self.database.now()),
            failures=schedule.failures,
            next_try_at=schedule.due_at if is_ending else None,
            reason=schedule.last_error if lease.is_live else "",
            note=lease.note,
        )


def lease_access(action: str, caller: Caller, lease: Lease, secret: DynamicSecret, **asked: Any) -> Access:
    """Return the question about one lease: about what it is of, and whether it is the caller's own."""
    own = lease.holder == caller_name(caller)
    return dynamic_access(action, secret, own=own, noun="lease", **asked)
