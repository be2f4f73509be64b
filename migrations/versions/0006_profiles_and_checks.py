"""profiles and checks in full

Expand first, contract in a later release: the previous release must go on serving while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    op.create_table(
        "x509_refused_keys",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_x509_refused_keys")),
        sa.UniqueConstraint(
            "key_hash",
            "organization",
            "project",
            "holder",
            "reach",
            name=op.f("uq_x509_refused_keys_key_hash_organization_project_holder_reach"),
        ),
    )
    op.create_table(
        "x509_profile_versions",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization", "project", "profile", "version", name=op.f("pk_x509_profile_versions")
        ),
        sa.ForeignKeyConstraint(
            ["organization", "project", "profile"],
            ["x509_profiles.organization", "x509_profiles.project", "x509_profiles.id"],
            name=op.f("fk_x509_profile_versions_organization_project_profile"),
        ),
    )
    op.add_column("x509_certificates", sa.Column("profile_version", sa.BigInteger(), nullable=True))
