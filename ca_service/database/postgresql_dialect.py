"""PostgreSQL as statements are compiled for it."""

from typing import Any, ClassVar

from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine.interfaces import BindTyping
from sqlalchemy.sql.sqltypes import BigInteger, LargeBinary, SmallInteger, Text
from sqlalchemy.types import TypeEngine


class _CastText(Text):
    render_bind_cast = True


class _CastBigInteger(BigInteger):
    render_bind_cast = True


class _CastSmallInteger(SmallInteger):
    render_bind_cast = True


class _CastLargeBinary(LargeBinary):
    render_bind_cast = True


class _Postgresql(PGDialect):
    """PostgreSQL with the type beside every parameter, so that NULL and expressions need no guessing."""

    bind_typing = BindTyping.RENDER_CASTS
    supports_statement_cache = False
    colspecs: ClassVar[dict[type[TypeEngine[Any]], type[TypeEngine[Any]]]] = {  # type: ignore[misc]
        **PGDialect.colspecs,
        Text: _CastText,
        BigInteger: _CastBigInteger,
        SmallInteger: _CastSmallInteger,
        LargeBinary: _CastLargeBinary,
    }


DIALECT = _Postgresql(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
