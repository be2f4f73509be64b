"""What `statement` makes of Core, and what it refuses at import."""

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.sql.base import Executable

from ca_service.database.statement import StatementError, any_of, insert_if_absent, statement

_METADATA = MetaData()
PLAIN = Table(
    "plain",
    _METADATA,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger),
    Column("raw", LargeBinary),
    Column("flag", SmallInteger),
)
CONVERTED = Table(
    "converted",
    _METADATA,
    Column("id", Text, primary_key=True),
    Column("yes", Boolean),
    Column("at", DateTime),
    Column("body", JSON),
)
DEFAULTED = Table(
    "defaulted", _METADATA, Column("id", Text, primary_key=True), Column("n", Integer, default=5)
)
STAMPED = Table("stamped", _METADATA, Column("id", Text, primary_key=True), Column("n", Integer, onupdate=5))
NUMBERED = Table("numbered", _METADATA, Column("seq", BigInteger, primary_key=True), Column("n", BigInteger))
LOOSE = Table("loose", _METADATA, Column("id", Text))

REFUSED: dict[str, tuple[Executable, str]] = {
    "a result that needs a conversion": (select(CONVERTED.c.yes), "yes"),
    "a JSON result": (select(CONVERTED.c.body), "body"),
    "a parameter that needs a conversion": (
        select(CONVERTED.c.id).where(CONVERTED.c.at == bindparam("moment")),
        "moment",
    ),
    "a sum, which is a Decimal on PostgreSQL": (select(func.sum(PLAIN.c.number)), "cast"),
    "an INSERT without columns": (insert(LOOSE), "name the columns"),
    "an INSERT without its primary key": (insert(PLAIN).values(number=bindparam("number")), "primary key"),
    "an UPDATE without columns": (update(PLAIN), "name the columns"),
    "an UPDATE with a condition and without columns": (
        update(PLAIN).where(PLAIN.c.id == bindparam("id")),
        "name the columns",
    ),
    "a default in Python": (insert(DEFAULTED).values(id=bindparam("id")), "default in Python"),
    "an onupdate in Python": (update(STAMPED).values(id=bindparam("id")), "default in Python"),
    "an expanding parameter": (
        select(PLAIN.c.id).where(PLAIN.c.id.in_(bindparam("ids", expanding=True))),
        "any_of",
    ),
    "an empty list of constants": (select(PLAIN.c.id).where(PLAIN.c.id.in_([])), "empty list"),
    "a parameter with a default": (
        select(PLAIN.c.id).where(PLAIN.c.id == bindparam("id", value="x")),
        "default",
    ),
    "a constant that takes the name of a parameter": (
        update(PLAIN).where(PLAIN.c.number == bindparam("number")).values(number=5),
        "conflicts",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    core, hint = REFUSED[case]
    with pytest.raises(StatementError, match=hint):
        statement(core)


def test_any_of_refuses_a_column_of_bytes() -> None:
    with pytest.raises(StatementError, match="raw"):
        any_of(PLAIN.c.raw, "values")


def test_each_parameter_of_the_call_is_a_parameter_of_both_texts() -> None:
    insertion = statement(insert(PLAIN).values(id=bindparam("id"), number=bindparam("number")))

    assert insertion.names == {"id", "number"}
    assert insertion.sqlite == "INSERT INTO plain (id, number) VALUES (:id, :number)"
    assert insertion.postgresql == "INSERT INTO plain (id, number) VALUES ($1::TEXT, $2::BIGINT)"


def test_a_parameter_may_carry_the_name_of_the_column_it_sets() -> None:
    change = statement(update(PLAIN).where(PLAIN.c.id == bindparam("id")).values(number=bindparam("number")))
    assert change.names == {"id", "number"}


def test_constants_are_merged_at_each_call() -> None:
    insertion = statement(insert(PLAIN).values(id=bindparam("id"), flag=1))

    assert insertion.bind_sqlite({"id": "a"}) == {"id": "a", "flag": 1}
    assert insertion.bind_postgresql({"id": "b"}) == ["b", 1]


def test_constants_of_in_are_spread_out() -> None:
    search = statement(select(PLAIN.c.id).where(PLAIN.c.flag.in_([1, 2])))

    assert search.sqlite.endswith("WHERE plain.flag IN (:param_1, :param_2)")
    assert sorted(search.bind_sqlite({}).values()) == [1, 2]


def test_a_list_parameter_is_json_on_sqlite_and_an_array_on_postgresql() -> None:
    search = statement(select(PLAIN.c.id).where(any_of(PLAIN.c.id, "ids")))

    assert search.sqlite.endswith("WHERE (plain.id IN (SELECT value FROM json_each(:ids)))")
    assert search.postgresql.endswith("WHERE (plain.id = ANY ($1::TEXT[]))")
    assert search.bind_sqlite({"ids": ["a", 'b"']}) == {"ids": '["a","b\\""]'}
    assert search.bind_postgresql({"ids": ["a"]}) == [["a"]]
    assert search.postgresql_types == ("text[]",)


def test_a_limit_may_be_a_parameter_though_only_sqlite_needs_an_offset_with_it() -> None:
    search = statement(select(PLAIN.c.id).order_by(PLAIN.c.id).limit(bindparam("limit")))
    assert search.bind_postgresql({"limit": 5}) == [5]
    assert 0 in search.bind_sqlite({"limit": 5}).values()


@pytest.mark.parametrize("given", [{}, {"id": "a", "extra": 1}, {"ID": "a"}])
def test_a_call_with_other_parameters_names_them(given: dict[str, object]) -> None:
    search = statement(select(PLAIN.c.id).where(PLAIN.c.id == bindparam("id")))
    with pytest.raises(StatementError, match="missing parameters"):
        search.bind_sqlite(given)


def test_insert_if_absent_passes_over_any_conflict_or_over_the_named_one() -> None:
    anything = statement(insert_if_absent(PLAIN, "id", "number"))
    named = statement(insert_if_absent(PLAIN, "id", "number", conflict=("id",)))

    assert anything.sqlite.endswith("VALUES (:id, :number) ON CONFLICT DO NOTHING")
    assert named.sqlite.endswith("ON CONFLICT (id) DO NOTHING")
    assert named.postgresql.endswith("ON CONFLICT (id) DO NOTHING")


def test_an_insert_never_returns_a_generated_key_behind_our_back() -> None:
    assert "RETURNING" not in statement(insert(NUMBERED).values(n=bindparam("n"))).postgresql


def test_tells_whether_rows_come_back() -> None:
    assert statement(update(PLAIN).values(flag=1).returning(PLAIN.c.id)).returns_rows
    assert not statement(delete(PLAIN).where(PLAIN.c.id == bindparam("id"))).returns_rows


def test_a_sum_that_says_its_type_is_accepted() -> None:
    total = statement(select(func.count(), cast(func.sum(PLAIN.c.number), BigInteger)))
    assert total.returns_rows


def test_locking_clauses_are_for_postgresql_only() -> None:
    search = statement(select(PLAIN.c.id).with_for_update(skip_locked=True))
    assert "FOR UPDATE SKIP LOCKED" in search.postgresql
    assert "FOR UPDATE" not in search.sqlite
