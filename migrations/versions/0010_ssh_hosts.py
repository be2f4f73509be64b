"""SSH hosts

Expand first, contract in a later release: the previous release must go on serving while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    op.create_table(
        "ssh_hosts",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("names", sa.LargeBinary(), nullable=False),
        sa.Column("groups", sa.LargeBinary(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("user_authority", sa.Text(), nullable=False),
        sa.Column("keys", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("enrolled_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_ssh_hosts")),
        sa.UniqueConstraint("organization", "project", "name", name="uq_ssh_hosts_name"),
    )
    op.create_table(
        "ssh_host_tokens",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("names", sa.LargeBinary(), nullable=False),
        sa.Column("groups", sa.LargeBinary(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("user_authority", sa.Text(), nullable=False),
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_ssh_host_tokens")),
    )
    op.create_table(
        "ssh_login_mappings",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_name", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("principals", sa.LargeBinary(), nullable=False),
        sa.Column("identities", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_ssh_login_mappings")),
    )
    with op.batch_alter_table("ssh_login_mappings", schema=None) as batch_op:
        batch_op.create_index(
            "ix_ssh_login_mappings_scope", ["organization", "project", "scope", "scope_name"], unique=False
        )
    op.create_table(
        "ssh_host_groups",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization", "project", "host"],
            ["ssh_hosts.organization", "ssh_hosts.project", "ssh_hosts.id"],
            name=op.f("fk_ssh_host_groups_organization_project_host"),
        ),
        sa.PrimaryKeyConstraint(
            "organization", "project", "group_name", "host", name=op.f("pk_ssh_host_groups")
        ),
    )
