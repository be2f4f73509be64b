"""Which configurations the provider `postgresql` takes, and what it says of those that it does not."""

from typing import Any

import pytest

from secrets_core.dynamic.errors import ConfigurationRefusedError
from secrets_core.dynamic.providers.postgresql_config import parse_settings, settings_of, target_of
from secrets_core.dynamic.providers.postgresql_statements import create, lock_key, role_keys

GOOD: dict[str, Any] = {
    "host": "db.internal",
    "database": "app",
    "username": "keywright",
    "password": "canary-of-the-root",
}
CREATION = ["CREATE ROLE {{name}} LOGIN PASSWORD {{password}} VALID UNTIL {{expiration}}"]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"port": 6432, "tls": "disable", "roles": ["app_read", "Ünlaut", 'quo"ted']},
        {"host": "10.0.0.7"},
        {"host": "::1"},
        {"host": "fd00::7"},
        {"host": "db"},
        {"host": "db.internal."},
        {"creation_statements": CREATION},
        {"creation_statements": CREATION, "revocation_statements": ["DROP SCHEMA IF EXISTS {{name}}"]},
        {"creation_statements": [*CREATION, "COMMENT ON ROLE {{ name }} IS 'begin with commit'"]},
    ],
)
def test_a_good_configuration_is_taken_and_read_back(members: dict[str, Any]) -> None:
    settings = parse_settings({**GOOD, **members})
    assert settings_of(target_of(settings)) == settings
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"host": ""}, "config.host"),
        ({"host": "a,b"}, "config.host"),
        ({"host": "/run/postgresql"}, "config.host"),
        ({"host": "db internal"}, "config.host"),
        ({"host": "@abstract"}, "config.host"),
        ({"host": "x" * 254}, "config.host"),
        ({"host": "db\n"}, "config.host"),
        ({"port": 0}, "config.port"),
        ({"port": 65536}, "config.port"),
        ({"port": "5432"}, "config.port"),
        ({"database": ""}, "config.database"),
        ({"database": "a\0b"}, "config.database"),
        ({"database": "ü" * 32}, "config.database"),
        ({"username": "x" * 64}, "config.username"),
        ({"password": ""}, "config.password"),
        ({"password": "canary\0"}, "config.password"),
        ({"password": "canary" * 200}, "config.password"),
        ({"tls": "prefer"}, "config.tls"),
        ({"tls": None}, "config.tls"),
        ({"roles": "app_read"}, "config.roles"),
        ({"roles": [""]}, "config.roles[0]"),
        ({"roles": ["a", "a"]}, "config.roles[1]"),
        ({"roles": ["keywright"]}, "config.roles[0]"),
        ({"roles": [f"r{n}" for n in range(33)]}, "config.roles"),
        ({"roles": ["a"], "creation_statements": CREATION}, "config.roles"),
        ({"sslmode": "disable"}, "config.sslmode"),
        ({"creation_statements": ["CREATE ROLE {{name}}"]}, "config.creation_statements"),
        ({"creation_statements": [*CREATION, "GRANT a TO {{nam}}"]}, "config.creation_statements[1]"),
        ({"creation_statements": [*CREATION, "GRANT a TO '{{name}}'"]}, "config.creation_statements[1]"),
        ({"creation_statements": [*CREATION, 'GRANT a TO "{{name}}"']}, "config.creation_statements[1]"),
        ({"creation_statements": [*CREATION, " /* x */ COMMIT"]}, "config.creation_statements[1]"),
        ({"creation_statements": ["-- x\n begin", *CREATION]}, "config.creation_statements[0]"),
        ({"creation_statements": ["x" * 8193]}, "config.creation_statements[0]"),
        ({"creation_statements": CREATION * 33}, "config.creation_statements"),
        ({"revocation_statements": ["SELECT {{password}}"]}, "config.revocation_statements[0]"),
        ({"revocation_statements": ["rollback"]}, "config.revocation_statements[0]"),
    ],
)  # fmt: skip
def test_a_bad_member_is_refused_by_its_name_and_never_repeated(members: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationRefusedError) as refusal:
        parse_settings({**GOOD, **members})
    assert refusal.value.field == field
    assert "canary" not in refusal.value.detail


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_a_missing_member_is_named(missing: str) -> None:
    members = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(ConfigurationRefusedError) as refusal:
        parse_settings(members)
    assert refusal.value.field == f"config.{missing}"


def test_every_role_of_an_account_has_a_placeholder_of_its_own() -> None:
    roles = [f"role {number}" for number in range(32)]
    assert sorted(role_keys(roles).values()) == sorted(roles)
    assert create(roles).count("{{role_") == 32
    assert create([]).endswith("VALID UNTIL {{expiration}}")


def test_the_lock_of_an_account_is_a_number_that_postgresql_can_hold() -> None:
    numbers = [int(lock_key(f"account-{number}")) for number in range(100)]
    assert len(set(numbers)) == 100
    assert all(-(2**63) <= number < 2**63 for number in numbers)
