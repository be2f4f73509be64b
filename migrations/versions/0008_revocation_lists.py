"""sharded revocation lists, delegated responders

Expand first, contract in a later release: the previous release must go on serving while this runs. Entries of
what it revoked are kept by the next publication of this release.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_AUTHORITY = ["organization", "project", "authority"]
_OF_AUTHORITIES = ["x509_authorities.organization", "x509_authorities.project", "x509_authorities.id"]
_CERTIFICATE = ["organization", "project", "certificate"]
_OF_CERTIFICATES = ["x509_certificates.organization", "x509_certificates.project", "x509_certificates.id"]


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    with op.batch_alter_table("x509_revocation_lists", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rebuilt_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("entries", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("leased_until", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("mac", sa.LargeBinary(), nullable=True))
    op.create_table(
        "x509_revocation_list_parts",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("this_update", sa.BigInteger(), nullable=False),
        sa.Column("next_update", sa.BigInteger(), nullable=False),
        sa.Column("rebuilt_at", sa.BigInteger(), nullable=True),
        sa.Column("entries", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("mac", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            _AUTHORITY,
            _OF_AUTHORITIES,
            name=op.f("fk_x509_revocation_list_parts_organization_project_authority"),
        ),
        sa.PrimaryKeyConstraint(*_AUTHORITY, "part", name=op.f("pk_x509_revocation_list_parts")),
        sa.UniqueConstraint("authority", "part", name=op.f("uq_x509_revocation_list_parts_authority_part")),
    )
    op.create_table(
        "x509_revoked_entries",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            _AUTHORITY, _OF_AUTHORITIES, name=op.f("fk_x509_revoked_entries_organization_project_authority")
        ),
        sa.PrimaryKeyConstraint(*_AUTHORITY, "position", name=op.f("pk_x509_revoked_entries")),
        sa.UniqueConstraint(*_AUTHORITY, "serial_number", name=op.f("uq_x509_revoked_entries_serial_number")),
    )
    op.create_index("ix_x509_revoked_entries_part", "x509_revoked_entries", [*_AUTHORITY, "part", "position"])
    op.create_table(
        "x509_publishing",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            _AUTHORITY, _OF_AUTHORITIES, name=op.f("fk_x509_publishing_organization_project_authority")
        ),
        sa.PrimaryKeyConstraint(*_AUTHORITY, name=op.f("pk_x509_publishing")),
    )
    op.create_table(
        "x509_ocsp_responders",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("renew_at", sa.BigInteger(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            _AUTHORITY, _OF_AUTHORITIES, name=op.f("fk_x509_ocsp_responders_organization_project_authority")
        ),
        sa.ForeignKeyConstraint(
            _CERTIFICATE,
            _OF_CERTIFICATES,
            name=op.f("fk_x509_ocsp_responders_organization_project_certificate"),
        ),
        sa.PrimaryKeyConstraint(*_AUTHORITY, "generation", name=op.f("pk_x509_ocsp_responders")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Long lists would be compressed at each publication, at a second of the server's time a million.
        for table in ("x509_revocation_lists", "x509_revocation_list_parts"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN der SET STORAGE EXTERNAL")
