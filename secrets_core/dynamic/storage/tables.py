"""The tables. Rows are found with their tenant only, but by the jobs that end leases."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, LargeBinary, Table, Text

from ca_service.database.engines import only_where
from ca_service.database.metadata import METADATA

#: `sealed` is the configuration, bound to `version`. One with `deleted_at` is a tombstone: its name is free.
#: `live_in` repeats the environment until then, which keeps that from going.
DYNAMIC_SECRETS = Table(
    "dynamic_secrets",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("environment_slug", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("default_ttl", BigInteger, nullable=False),
    Column("max_ttl", BigInteger, nullable=False),
    Column("username_template", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("live_in", Text),
    ForeignKeyConstraint(
        ["organization", "project", "live_in"],
        [
            "governance_environments.organization",
            "governance_environments.project",
            "governance_environments.id",
        ],
        name="fk_dynamic_secrets_live_in",
    ),
)
Index(
    "uq_dynamic_secrets_name",
    DYNAMIC_SECRETS.c.organization,
    DYNAMIC_SECRETS.c.project,
    DYNAMIC_SECRETS.c.environment,
    DYNAMIC_SECRETS.c.path,
    DYNAMIC_SECRETS.c.name,
    unique=True,
    **only_where(DYNAMIC_SECRETS.c.deleted_at.is_(None)),
)

#: The MAC covers every column but those of the schedule: `due_at` (NULL once nothing is left to do), `claim`,
#: `claimed_until` (0: nobody has it), `failures`, `last_error`.
LEASES = Table(
    "dynamic_leases",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("dynamic_secret", Text, nullable=False),
    Column("config_version", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("recipe", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("max_expires_at", BigInteger, nullable=False),
    Column("ending_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("end_reason", Text, nullable=False),
    Column("ended_as", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("due_at", BigInteger),
    Column("claim", Text, nullable=False),
    Column("claimed_until", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "dynamic_secret"],
        ["dynamic_secrets.organization", "dynamic_secrets.project", "dynamic_secrets.id"],
        name="fk_dynamic_leases_secret",
    ),
)
_IS_LIVE = LEASES.c.due_at.is_not(None)
Index(
    "ix_dynamic_leases_due_at",
    LEASES.c.due_at,
    **only_where(_IS_LIVE),
)
Index(
    "ix_dynamic_leases_live",
    LEASES.c.organization,
    LEASES.c.project,
    LEASES.c.dynamic_secret,
    LEASES.c.holder,
    **only_where(_IS_LIVE),
)
Index(
    "ix_dynamic_leases_of",
    LEASES.c.organization,
    LEASES.c.project,
    LEASES.c.dynamic_secret,
    LEASES.c.id,
)

#: Targets that did not answer lately; one that answers has no row.
TARGETS = Table(
    "dynamic_targets",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("down_since", BigInteger, nullable=False),
    Column("open_until", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
)
