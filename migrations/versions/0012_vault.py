"""the vault

Expand first, contract in a later release: the previous release must go on serving while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    with op.batch_alter_table("governance_environments", schema=None) as batch_op:
        # So that rows of an environment can refer to it together with its owner.
        batch_op.create_index("ix_governance_environments_id", ["organization", "project", "id"], unique=True)
    _create_folders_and_secrets()
    _create_commits()


def _create_folders_and_secrets() -> None:
    op.create_table(
        "secrets_folders",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.Column("live_in", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization", "project", "live_in"],
            [
                "governance_environments.organization",
                "governance_environments.project",
                "governance_environments.id",
            ],
            name=op.f("fk_secrets_folders_organization_project_live_in"),
        ),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_secrets_folders")),
        sa.UniqueConstraint("organization", "project", "environment", "path", name="uq_secrets_folders_path"),
    )
    op.create_table(
        "secrets_secrets",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("tags", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization", "project", "folder"],
            ["secrets_folders.organization", "secrets_folders.project", "secrets_folders.id"],
            name=op.f("fk_secrets_secrets_organization_project_folder"),
        ),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_secrets_secrets")),
        sa.UniqueConstraint("organization", "project", "folder", "name", name="uq_secrets_secrets_name"),
    )
    op.create_table(
        "secrets_versions",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("notes", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("commit_id", sa.Text(), nullable=False),
        sa.Column("destroyed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization", "project", "secret"],
            ["secrets_secrets.organization", "secrets_secrets.project", "secrets_secrets.id"],
            name=op.f("fk_secrets_versions_organization_project_secret"),
        ),
        sa.PrimaryKeyConstraint(
            "organization", "project", "secret", "version", name=op.f("pk_secrets_versions")
        ),
    )


def _create_commits() -> None:
    op.create_table(
        "secrets_commits",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_secrets_commits")),
        sa.UniqueConstraint("organization", "project", "number", name="uq_secrets_commits_number"),
    )
    op.create_table(
        "secrets_commit_changes",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("commit_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("environment_slug", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization", "project", "commit_id"],
            ["secrets_commits.organization", "secrets_commits.project", "secrets_commits.id"],
            name=op.f("fk_secrets_commit_changes_organization_project_commit_id"),
        ),
        sa.PrimaryKeyConstraint(
            "organization", "project", "commit_id", "position", name=op.f("pk_secrets_commit_changes")
        ),
    )
    with op.batch_alter_table("secrets_commit_changes", schema=None) as batch_op:
        batch_op.create_index(
            "ix_secrets_commit_changes_place",
            ["organization", "project", "environment", "path", "name", "commit_id"],
            unique=False,
        )
    op.create_table(
        "secrets_commit_numbers",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", name=op.f("pk_secrets_commit_numbers")),
    )
    op.create_table(
        "secrets_imports",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization", "project", "folder"],
            ["secrets_folders.organization", "secrets_folders.project", "secrets_folders.id"],
            name=op.f("fk_secrets_imports_organization_project_folder"),
        ),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_secrets_imports")),
        sa.UniqueConstraint(
            "organization", "project", "folder", "environment", "path", name="uq_secrets_imports_source"
        ),
    )
