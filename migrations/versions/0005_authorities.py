"""authorities in full

Expand first, contract in a later release: the previous release must go on serving while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    with op.batch_alter_table("x509_authorities", schema=None) as batch_op:
        batch_op.add_column(sa.Column("external_chain", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("predecessor", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("csr", sa.LargeBinary(), nullable=True))

    op.create_table(
        "x509_cross_certificates",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("external_chain", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization", "project", "authority"],
            ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"],
            name=op.f("fk_x509_cross_certificates_organization_project_authority"),
        ),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_x509_cross_certificates")),
    )
