"""SQLite as statements are compiled for it."""

from sqlalchemy.dialects.sqlite.base import SQLiteDialect


class _Sqlite(SQLiteDialect):
    """SQLite without `= 1` behind conditions, which would keep them from using an index."""

    supports_native_boolean = True
    supports_statement_cache = False


DIALECT = _Sqlite(paramstyle="named")
