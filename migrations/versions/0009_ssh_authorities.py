"""SSH authorities and profiles in full

Expand first, contract in a later release: the previous release must go on serving while this runs.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Bring the schema here from the revision before."""
    with op.batch_alter_table("ssh_authorities", schema=None) as batch_op:
        batch_op.add_column(sa.Column("succeeds", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("status_since", sa.BigInteger(), nullable=True))
