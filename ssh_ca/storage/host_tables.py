"""The tables of hosts. Rows are found with their tenant only."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from ca_service.database.metadata import METADATA

#: `names`, `groups` and `keys` are JSON; `user_authority` is "" for all of the project.
HOSTS = Table(
    "ssh_hosts",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("names", LargeBinary, nullable=False),
    Column("groups", LargeBinary, nullable=False),
    Column("profile", Text, nullable=False),
    Column("user_authority", Text, nullable=False),
    Column("keys", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("enrolled_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("proved_at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("organization", "project", "name", name="uq_ssh_hosts_name"),
)

#: By which a host is found; what it is in stands in the host's own row, under its MAC.
HOST_GROUPS = Table(
    "ssh_host_groups",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("group_name", Text, primary_key=True),
    Column("host", Text, primary_key=True),
    ForeignKeyConstraint(
        ["organization", "project", "host"], ["ssh_hosts.organization", "ssh_hosts.project", "ssh_hosts.id"]
    ),
)

#: `tag` is the keyed hash of the token. `used_at` is set once, by the enrolment that used it.
HOST_TOKENS = Table(
    "ssh_host_tokens",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("names", LargeBinary, nullable=False),
    Column("groups", LargeBinary, nullable=False),
    Column("profile", Text, nullable=False),
    Column("user_authority", Text, nullable=False),
    Column("tag", LargeBinary, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("used_by", Text),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

#: `scope` is host, group or project, and `scope_name` which; `principals` and `identities` are JSON.
LOGIN_MAPPINGS = Table(
    "ssh_login_mappings",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("scope_name", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("principals", LargeBinary, nullable=False),
    Column("identities", LargeBinary, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Index("ix_ssh_login_mappings_scope", "organization", "project", "scope", "scope_name"),
)
