"""Samples of hosts: the inventory, tokens, logins, and what hosts ask for themselves."""

from datetime import UTC, datetime

from ssh_ca.hosts import MappingScope
from ssh_ca.operations.hosts import (
    CreateHostToken,
    CreateLoginMapping,
    EnrolSshHost,
    ListHostTokens,
    ListLoginMappings,
    ListSshHosts,
    ReadHostLogins,
    ReadSshHost,
    RemoveLoginMapping,
    RemoveSshHost,
    RenewSshHost,
    RevokeHostToken,
)
from tests.support.sample import By, Knock, Sample
from tests.support.ssh_ground import key_line

_BASE = "/v1/projects/{project}/ssh"
_KEY = key_line()
#: Later than whatever a host has proved so far.
_LATER = datetime(2100, 1, 1, tzinfo=UTC)

SAMPLES = (
    Sample(
        name="enrol-ssh-host",
        ask=lambda t: EnrolSshHost(
            project=t.project,
            names=(t.ssh_new_host,),
            public_keys=(_KEY,),
            proved_at=_LATER,
            token=t.ssh_host_token,
        ),
        by=By.NEW_SSH_HOST,
    ),
    Sample(
        name="renew-ssh-host",
        ask=lambda t: RenewSshHost(project=t.project, host=t.ssh_host, proved_at=_LATER),
        by=By.SSH_HOST,
    ),
    Sample(
        name="read-host-logins",
        ask=lambda t: ReadHostLogins(project=t.project, host=t.ssh_host),
        knock=Knock("GET", f"{_BASE}/hosts/{{ssh_host}}/logins"),
    ),
    Sample(
        name="read-own-logins",
        ask=lambda t: ReadHostLogins(project=t.project, host=t.ssh_host),
        by=By.SSH_HOST,
    ),
    Sample(
        name="list-ssh-hosts",
        ask=lambda t: ListSshHosts(project=t.project),
        knock=Knock("GET", f"{_BASE}/hosts"),
    ),
    Sample(
        name="read-ssh-host",
        ask=lambda t: ReadSshHost(project=t.project, host=t.ssh_host),
        knock=Knock("GET", f"{_BASE}/hosts/{{ssh_host}}"),
    ),
    Sample(
        name="remove-ssh-host",
        ask=lambda t: RemoveSshHost(project=t.project, host=t.ssh_host),
        knock=Knock("DELETE", f"{_BASE}/hosts/{{ssh_host}}"),
    ),
    Sample(
        name="create-host-token",
        ask=lambda t: CreateHostToken(project=t.project, host="another.test", profile=t.ssh_host_profile),
        knock=Knock(
            "POST",
            f"{_BASE}/host-tokens",
            lambda t: {"host": "another.test", "profile": t.ssh_host_profile},
        ),
    ),
    Sample(
        name="list-host-tokens",
        ask=lambda t: ListHostTokens(project=t.project),
        knock=Knock("GET", f"{_BASE}/host-tokens"),
    ),
    Sample(
        name="revoke-host-token",
        ask=lambda t: RevokeHostToken(project=t.project, token=t.ssh_spare_token),
        knock=Knock("DELETE", f"{_BASE}/host-tokens/{{ssh_spare_token}}"),
    ),
    Sample(
        name="create-login-mapping",
        ask=lambda t: CreateLoginMapping(
            project=t.project, scope=MappingScope.PROJECT, account="deploy", principals=("ci",)
        ),
        knock=Knock("POST", f"{_BASE}/login-mappings", lambda _: {"account": "deploy", "principals": ["ci"]}),
    ),
    Sample(
        name="list-login-mappings",
        ask=lambda t: ListLoginMappings(project=t.project),
        knock=Knock("GET", f"{_BASE}/login-mappings"),
    ),
    Sample(
        name="remove-login-mapping",
        ask=lambda t: RemoveLoginMapping(project=t.project, mapping=t.ssh_mapping),
        knock=Knock("DELETE", f"{_BASE}/login-mappings/{{ssh_mapping}}"),
    ),
)
