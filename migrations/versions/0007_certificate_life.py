"""the life of a certificate

Expand first, contract in a later release: the previous release must go on serving while this runs. The hashes
of older certificates are not computed here: a bounded step in the background does that.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    op.create_table(
        "x509_kept_keys",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("renew_at", sa.BigInteger(), nullable=True),
        sa.Column("renewed_by", sa.Text(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization", "project", "certificate"],
            ["x509_certificates.organization", "x509_certificates.project", "x509_certificates.id"],
            name=op.f("fk_x509_kept_keys_organization_project_certificate"),
        ),
        sa.PrimaryKeyConstraint("organization", "project", "certificate", name=op.f("pk_x509_kept_keys")),
    )
    op.create_index(
        "ix_x509_kept_keys_renew_at",
        "x509_kept_keys",
        ["renew_at"],
        unique=False,
        sqlite_where=sa.text("renew_at IS NOT NULL"),
        postgresql_where=sa.text("renew_at IS NOT NULL"),
    )
    op.create_table(
        "x509_revocations",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("after_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_x509_revocations")),
    )
    op.create_table(
        "x509_imported_certificates",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("common_name", sa.Text(), nullable=True),
        sa.Column("names", sa.LargeBinary(), nullable=False),
        sa.Column("key_algorithm", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("is_verified", sa.SmallInteger(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_x509_imported_certificates")),
        sa.UniqueConstraint(
            "organization",
            "project",
            "fingerprint",
            name=op.f("uq_x509_imported_certificates_organization_project_fingerprint"),
        ),
    )
    op.create_index(
        "ix_x509_imported_certificates_end",
        "x509_imported_certificates",
        ["organization", "project", "not_after", "id"],
        unique=False,
    )
    op.create_table(
        "x509_imported_names",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("reversed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization", "project", "certificate"],
            [
                "x509_imported_certificates.organization",
                "x509_imported_certificates.project",
                "x509_imported_certificates.id",
            ],
            name=op.f("fk_x509_imported_names_organization_project_certificate"),
        ),
        sa.PrimaryKeyConstraint(
            "organization", "project", "certificate", "position", name=op.f("pk_x509_imported_names")
        ),
    )
    op.create_index(
        "ix_x509_imported_names_reversed",
        "x509_imported_names",
        ["organization", "project", "reversed"],
        unique=False,
    )
    op.create_index(
        "ix_x509_imported_names_value",
        "x509_imported_names",
        ["organization", "project", "value"],
        unique=False,
    )
    op.create_table(
        "x509_channels",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expiry_after", sa.BigInteger(), nullable=False),
        sa.Column("expiry_after_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("mac_version", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_x509_channels")),
        sa.UniqueConstraint(
            "organization", "project", "name", name=op.f("uq_x509_channels_organization_project_name")
        ),
    )
    op.create_table(
        "x509_deliveries",
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("answer_status", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization", "project", "channel"],
            ["x509_channels.organization", "x509_channels.project", "x509_channels.id"],
            name=op.f("fk_x509_deliveries_organization_project_channel"),
        ),
        sa.PrimaryKeyConstraint("organization", "project", "id", name=op.f("pk_x509_deliveries")),
    )
    op.create_index(
        "ix_x509_deliveries_channel",
        "x509_deliveries",
        ["organization", "project", "channel", "id"],
        unique=False,
    )
    op.create_index("ix_x509_deliveries_created_at", "x509_deliveries", ["created_at"], unique=False)
    op.add_column("x509_certificates", sa.Column("fingerprint", sa.LargeBinary(), nullable=True))
    op.add_column("x509_certificates", sa.Column("key_hash", sa.LargeBinary(), nullable=True))
    op.create_index(
        "ix_x509_certificates_fingerprint",
        "x509_certificates",
        ["organization", "project", "fingerprint"],
        unique=False,
    )
    op.create_index(
        "ix_x509_certificates_key_hash",
        "x509_certificates",
        ["organization", "project", "key_hash"],
        unique=False,
    )
    op.create_index(
        "ix_x509_certificates_unfilled",
        "x509_certificates",
        ["id"],
        unique=False,
        sqlite_where=sa.text("fingerprint IS NULL"),
        postgresql_where=sa.text("fingerprint IS NULL"),
    )
    for column in ("profile", "authority"):
        op.create_index(
            f"ix_x509_certificates_{column}",
            "x509_certificates",
            ["organization", "project", column, "id"],
            unique=False,
        )
    for name, column, condition in (
        ("taken_back", "id", "revoked_at IS NOT NULL"),
        ("renewed_from", "renewed_from", "renewed_from IS NOT NULL"),
    ):
        op.create_index(
            f"ix_x509_certificates_{name}",
            "x509_certificates",
            ["organization", "project", column],
            unique=False,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
