"""Names of accounts: always ours, never too long, never the same."""

import pytest

from ca_service.custody.custody import Custody
from ca_service.custody.root_key import RootKey
from ca_service.database.port import Database
from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.errors import TemplateRefusedError
from secrets_core.dynamic.usernames import AccountNames, parse_template
from tests.support.fakes.custody import custody_for
from tests.support.fakes.kernel import FakeRandomness

PARTS = {"dynamic": "App DB; DROP ROLE x", "environment": "production", "identity": "Jörg's laptop" * 9}
TEMPLATES = (
    "{random}",
    "{dynamic}-{random}",
    "v-{identity}_{random}-{environment}x{dynamic}",
    "{environment}{dynamic}{identity}{random}",
)


@pytest.fixture
def custody(sqlite_database: Database) -> Custody:
    return custody_for(sqlite_database)


def test_a_name_begins_with_its_prefix_and_fits_and_is_harmless(custody: Custody) -> None:
    names = AccountNames(custody, FakeRandomness())
    for template in TEMPLATES:
        name = names.username("dyn_1", parse_template(template), PARTS, 63)
        assert name.startswith(names.prefix("dyn_1")), template
        assert len(name.encode()) <= 63, template
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-"), template


def test_names_and_passwords_are_never_the_same(custody: Custody) -> None:
    names = AccountNames(custody, FakeRandomness())
    made = {names.username("dyn_1", "{dynamic}-{random}", PARTS, 63) for _ in range(500)}
    assert len(made | {names.password() for _ in range(500)}) == 1000


def test_other_dynamic_secrets_and_other_instances_have_other_prefixes(
    custody: Custody, sqlite_database: Database
) -> None:
    here = AccountNames(custody, FakeRandomness())
    other = custody_for(sqlite_database, root=RootKey(SecretValue(bytes(32))))
    there = AccountNames(other, FakeRandomness())
    prefixes = {here.prefix("dyn_1"), here.prefix("dyn_2"), there.prefix("dyn_1")}
    assert len(prefixes) == 3
    assert here.prefix("dyn_1") == AccountNames(custody, FakeRandomness(9)).prefix("dyn_1")


def test_templates_that_are_none_are_refused() -> None:
    for template in (
        "",
        "{dynamic}",
        "{random}{random}",
        "{random} x",
        "{random}{Random}",
        "{random}{unknown}",
        "{random",
        "random}",
        "{random}%",
        "{random}'",
        "{random}A",
        "{random}" + "x" * 17,
        "{random}" * 50,
    ):
        with pytest.raises(TemplateRefusedError):
            parse_template(template)
