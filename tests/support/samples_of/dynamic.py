"""Samples of dynamic secrets."""

from datetime import timedelta

from ca_service.kernel.secret_value import SecretValue
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
from tests.support.fakes.dynamic import NAME
from tests.support.sample import By, Knock, Sample

_SECRETS = "/v1/projects/{project}/environments/{environment}/dynamic-secrets"
_SECRET = f"{_SECRETS}/{{dynamic_secret}}"
_LEASES = "/v1/projects/{project}/leases"
_LEASE = f"{_LEASES}/{{lease}}"
_ENDING = f"{_LEASES}/{{ending_lease}}"
_CONFIG = {"host": "another.test", "password": "root"}
_SEALED = SecretValue(b'{"host":"another.test","password":"root"}')

DYNAMIC_SECRETS = (
    Sample(
        name="create-dynamic-secret",
        ask=lambda t: CreateDynamicSecret(
            project=t.project, environment=t.environment, name="another", provider=NAME, config=_SEALED
        ),
        knock=Knock("POST", _SECRETS, lambda _: {"name": "another", "provider": NAME, "config": _CONFIG}),
    ),
    Sample(
        name="list-dynamic-secrets",
        ask=lambda t: ListDynamicSecrets(project=t.project, environment=t.environment),
        knock=Knock("GET", _SECRETS),
    ),
    Sample(
        name="read-dynamic-secret",
        ask=lambda t: ReadDynamicSecret(project=t.project, environment=t.environment, name=t.dynamic_secret),
        knock=Knock("GET", _SECRET),
    ),
    Sample(
        name="update-dynamic-secret",
        ask=lambda t: UpdateDynamicSecret(
            project=t.project,
            environment=t.environment,
            name=t.dynamic_secret,
            default_ttl=timedelta(minutes=5),
        ),
        knock=Knock("PATCH", _SECRET, lambda _: {"default_ttl": "5m"}),
    ),
    Sample(
        name="reconcile-dynamic-secret",
        ask=lambda t: ReconcileDynamicSecret(
            project=t.project, environment=t.environment, name=t.dynamic_secret
        ),
        knock=Knock("POST", f"{_SECRET}/reconcile"),
    ),
    Sample(
        name="delete-dynamic-secret",
        ask=lambda t: DeleteDynamicSecret(
            project=t.project, environment=t.environment, name=t.unused_dynamic_secret
        ),
        knock=Knock("DELETE", f"{_SECRETS}/{{unused_dynamic_secret}}"),
    ),
)

LEASES = (
    Sample(
        name="create-lease",
        ask=lambda t: CreateLease(project=t.project, environment=t.environment, name=t.dynamic_secret),
        knock=Knock("POST", f"{_SECRET}/leases"),
    ),
    Sample(
        name="list-leases",
        ask=lambda t: ListLeases(project=t.project),
        knock=Knock("GET", _LEASES),
    ),
    Sample(
        name="list-leases-of-dynamic-secret",
        ask=lambda t: ListLeases(
            project=t.project, environment=t.environment, dynamic_secret=t.dynamic_secret
        ),
        knock=Knock("GET", f"{_SECRET}/leases"),
    ),
    Sample(
        name="read-lease",
        ask=lambda t: ReadLease(project=t.project, lease=t.lease),
        knock=Knock("GET", _LEASE),
    ),
    Sample(
        name="renew-lease",
        ask=lambda t: RenewLease(project=t.project, lease=t.lease, ttl=timedelta(hours=2)),
        knock=Knock("POST", f"{_LEASE}/renew", lambda _: {"ttl": "2h"}),
    ),
    Sample(
        name="revoke-lease",
        ask=lambda t: RevokeLease(project=t.project, lease=t.ending_lease),
        knock=Knock("POST", f"{_ENDING}/revoke"),
    ),
    Sample(
        name="end-due-lease",
        ask=lambda t: EndDueLease(project=t.project, lease=t.ending_lease),
        by=By.LEASE_ENDER,
    ),
    Sample(
        name="abandon-lease",
        ask=lambda t: AbandonLease(project=t.project, lease=t.ending_lease, reason="the host is gone"),
        knock=Knock("POST", f"{_ENDING}/abandon", lambda _: {"reason": "the host is gone"}),
    ),
)

SAMPLES: tuple[Sample, ...] = (*DYNAMIC_SECRETS, *LEASES)
