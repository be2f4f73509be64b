"""Everything that dynamic secrets contribute to the service."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ca_service.gate.operation import Operation
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.web.instance.operations import Notice
from ca_service.web.module import AnyHandler, Contribution, Ground, Module
from secrets_core.dynamic.catalogue import Catalogue
from secrets_core.dynamic.dynamic_secrets import MOST_LIVE_LEASES
from secrets_core.dynamic.handlers.configure import CreateDynamicSecretHandler, UpdateDynamicSecretHandler
from secrets_core.dynamic.handlers.create_lease import CreateLeaseHandler
from secrets_core.dynamic.handlers.dynamic_secrets import (
    DeleteDynamicSecretHandler,
    ListDynamicSecretsReader,
    ReadDynamicSecretReader,
)
from secrets_core.dynamic.handlers.leases import AbandonLeaseHandler, ListLeasesReader, ReadLeaseReader
from secrets_core.dynamic.handlers.reconcile import ReconcileHandler
from secrets_core.dynamic.handlers.renew_lease import RenewLeaseHandler
from secrets_core.dynamic.handlers.revoke_lease import RevokeLeaseHandler
from secrets_core.dynamic.http import ROUTES
from secrets_core.dynamic.jobs import Sweeper, timers
from secrets_core.dynamic.notices import overdue_notices
from secrets_core.dynamic.operations import (
    AbandonLease,
    CreateDynamicSecret,
    CreateLease,
    DeleteDynamicSecret,
    EndDueLease,
    ListDynamicSecrets,
    ListLeases,
    ReadDynamicSecret,
    ReadLease,
    ReconcileDynamicSecret,
    RenewLease,
    RevokeLease,
    UpdateDynamicSecret,
)
from secrets_core.dynamic.policies import POLICIES, SCHEMA
from secrets_core.dynamic.providers.port import Provider
from secrets_core.dynamic.providers.postgresql import PostgresqlProvider
from secrets_core.dynamic.providers.providers import Providers
from secrets_core.dynamic.targets import Turns
from secrets_core.dynamic.usernames import AccountNames


def providers_over(ground: Ground) -> Iterable[Provider]:
    """Return the providers of this release."""
    return (PostgresqlProvider(ground.egress.targets()),)


def module_over(providers: Callable[[Ground], Iterable[Provider]]) -> Module:
    """Return the module with these providers."""

    def build(ground: Ground) -> Contribution:
        return build_over(ground, Providers(providers(ground)))

    return Module(name="dynamic", schema=SCHEMA, policies=POLICIES, build=build)


def handlers_over(
    catalogue: Catalogue,
    identifiers: Identifiers,
    randomness: Randomness,
    most_live_leases: int = MOST_LIVE_LEASES,
) -> Mapping[type[Operation[Any]], AnyHandler]:
    """Return the handler of each operation."""
    turns = Turns()
    revoke = RevokeLeaseHandler(catalogue, randomness, turns)
    return {
        CreateDynamicSecret: CreateDynamicSecretHandler(catalogue, identifiers, turns),
        ReadDynamicSecret: ReadDynamicSecretReader(catalogue),
        ListDynamicSecrets: ListDynamicSecretsReader(catalogue),
        UpdateDynamicSecret: UpdateDynamicSecretHandler(catalogue, turns),
        DeleteDynamicSecret: DeleteDynamicSecretHandler(catalogue),
        ReconcileDynamicSecret: ReconcileHandler(catalogue, turns),
        CreateLease: CreateLeaseHandler(catalogue, identifiers, randomness, turns, most_live_leases),
        ReadLease: ReadLeaseReader(catalogue),
        ListLeases: ListLeasesReader(catalogue),
        RenewLease: RenewLeaseHandler(catalogue, turns),
        RevokeLease: revoke,
        EndDueLease: revoke,
        AbandonLease: AbandonLeaseHandler(catalogue),
    }


def build_over(ground: Ground, providers: Providers) -> Contribution:
    """Build the handlers and routes over the ground."""
    names = AccountNames(ground.custody, ground.randomness)
    catalogue = Catalogue(ground.database, ground.custody, ground.policy, providers, names)

    async def status() -> Sequence[Notice]:
        return await overdue_notices(ground.database)

    return Contribution(
        handlers=handlers_over(catalogue, ground.identifiers, ground.randomness),
        routes=ROUTES,
        timers=timers(Sweeper(ground.gate, ground.database, ground.identifiers)),
        status=status,
    )


MODULE = module_over(providers_over)
