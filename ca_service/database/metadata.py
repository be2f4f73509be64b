"""The one schema source: every package's `storage.py` adds its tables here, Alembic compares with it.

Column types are only Text, BigInteger, LargeBinary and SmallInteger (0 or 1): times are microseconds since
1970 in UTC, ids are text, enumerations their wire word, JSON is bytes.
"""

from sqlalchemy.sql.schema import Column, MetaData, Table
from sqlalchemy.sql.sqltypes import BigInteger, SmallInteger

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: One row (id 1): the highest time that was given out, so that time never goes back over a restart, and when
#: an administrator last accepted a time before that (S23).
CLOCK = Table(
    "database_clock",
    METADATA,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("accepted_at", BigInteger),
)
