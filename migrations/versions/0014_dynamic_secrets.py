"""dynamic secrets and their leases

Expand first, contract in a later release: the previous release must go on serving while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    op.create_table(
        "dynamic_secrets",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("environment_slug", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("default_ttl", sa.BigInteger(), nullable=False),
        sa.Column("max_ttl", sa.BigInteger(), nullable=False),
        sa.Column("username_template", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("live_in", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_dynamic_secrets")),
        sa.ForeignKeyConstraint(
            ["organization", "project", "live_in"],
            [
                "governance_environments.organization",
                "governance_environments.project",
                "governance_environments.id",
            ],
            name="fk_dynamic_secrets_live_in",
        ),
    )
    op.create_index(
        "uq_dynamic_secrets_name",
        "dynamic_secrets",
        ["organization", "project", "environment", "path", "name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "dynamic_leases",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dynamic_secret", sa.Text(), nullable=False),
        sa.Column("config_version", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("recipe", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("max_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ending_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=False),
        sa.Column("ended_as", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("claim", sa.Text(), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_dynamic_leases")),
        sa.ForeignKeyConstraint(
            ["organization", "project", "dynamic_secret"],
            ["dynamic_secrets.organization", "dynamic_secrets.project", "dynamic_secrets.id"],
            name="fk_dynamic_leases_secret",
        ),
    )
    for name, columns, is_live in (
        ("ix_dynamic_leases_due_at", ["due_at"], True),
        ("ix_dynamic_leases_live", ["organization", "project", "dynamic_secret", "holder"], True),
        ("ix_dynamic_leases_of", ["organization", "project", "dynamic_secret", "id"], False),
    ):
        condition = sa.text("due_at IS NOT NULL") if is_live else None
        op.create_index(
            name, "dynamic_leases", columns, unique=False, sqlite_where=condition, postgresql_where=condition
        )
    op.create_table(
        "dynamic_targets",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("down_since", sa.BigInteger(), nullable=False),
        sa.Column("open_until", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "target", name=op.f("pk_dynamic_targets")),
    )
