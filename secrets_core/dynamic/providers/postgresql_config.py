"""The configuration of the provider `postgresql`, checked member by member."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from ca_service.egress.target_place import PostgresqlPlace, TargetTls
from ca_service.egress.target_statement import placeholders_of
from ca_service.kernel.secret_value import SecretValue
from secrets_core.dynamic.errors import ConfigurationRefusedError
from secrets_core.dynamic.providers.port import Target

PROVIDER: Final = "postgresql"
#: PostgreSQL cuts longer names off (NAMEDATALEN).
LONGEST_NAME: Final = 63

_Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]([A-Za-z0-9_.:-]{0,251}[A-Za-z0-9_.])?\Z|^::1?\Z")]
_Port = Annotated[int, Meta(ge=1, le=65535)]
_Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
_Password = Annotated[str, Meta(min_length=1, max_length=1024, pattern=r"^[^\x00]+\Z")]
_Statement = Annotated[str, Meta(min_length=1, max_length=8192, pattern=r"^[^\x00]+\Z")]
_Roles = Annotated[tuple[_Name, ...], Meta(max_length=32)]
_Statements = Annotated[tuple[_Statement, ...], Meta(max_length=32)]

_PATH = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_MEMBER = re.compile(r"(?:missing required|unknown) field `([^`]*)`")
#: One transaction is begun and ended around the statements, by nobody else.
_TRANSACTION = re.compile(
    r"^(\s|--[^\n]*(\n|\Z)|/\*.*?\*/)*(begin|start|commit|end|rollback|abort|prepare|savepoint|release|set\s+"
    r"transaction)\b",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED = re.compile(r"['\"]\s*\{\{|\}\}\s*['\"]")
_CREATION = frozenset({"name", "password", "expiration"})
_REVOCATION = frozenset({"name"})


class PostgresqlSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A configuration: where, as whom, and what an account is made of."""

    host: _Host
    port: _Port = 5432
    database: _Name
    username: _Name
    password: _Password
    tls: TargetTls = TargetTls.VERIFY_FULL
    roles: _Roles = ()
    creation_statements: _Statements = ()
    revocation_statements: _Statements = ()

    def __repr__(self) -> str:
        return f"PostgresqlSettings({self.key})"

    @property
    def key(self) -> str:
        """Return the name of the target, without a secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.port}/{self.database}"

    def place(self, database: str | None = None) -> PostgresqlPlace:
        """Return where to log in: the configured database, or another one of the same server."""
        return PostgresqlPlace(
            host=self.host,
            port=self.port,
            database=database or self.database,
            username=self.username,
            password=SecretValue(self.password),
            tls=self.tls,
        )


def parse_settings(members: Mapping[str, Any]) -> PostgresqlSettings:
    """Return the checked configuration. Raises ConfigurationRefusedError, which repeats no value of it."""
    try:
        settings = msgspec.convert(dict(members), PostgresqlSettings)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    for name in ("database", "username"):
        if len(getattr(settings, name).encode()) > LONGEST_NAME:
            raise _refused(name, f"is longer than {LONGEST_NAME} bytes", "length")
    _verify_roles(settings)
    _verify_statements(settings)
    return settings


def target_of(settings: PostgresqlSettings) -> Target:
    """Return a configuration as the lease machine keeps it."""
    return Target(PROVIDER, settings.key, SecretValue(msgspec.json.encode(settings)))


def settings_of(target: Target) -> PostgresqlSettings:
    """Return the configuration of a target that was accepted once."""
    return msgspec.json.decode(target.settings.reveal(), type=PostgresqlSettings)


def _verify_roles(settings: PostgresqlSettings) -> None:
    for index, role in enumerate(settings.roles):
        field = f"roles[{index}]"
        if len(role.encode()) > LONGEST_NAME:
            raise _refused(field, f"is longer than {LONGEST_NAME} bytes", "length")
        if role == settings.username:
            raise _refused(field, "is the login itself, whose rights no account may have", "own_login")
        if role in settings.roles[:index]:
            raise _refused(field, "is named twice", "duplicate")
    if settings.roles and settings.creation_statements:
        raise _refused("roles", "are granted by `creation_statements` where those are given", "contradiction")


def _verify_statements(settings: PostgresqlSettings) -> None:
    kinds = (
        ("creation_statements", settings.creation_statements, _CREATION),
        ("revocation_statements", settings.revocation_statements, _REVOCATION),
    )
    for member, statements, known in kinds:
        for index, statement in enumerate(statements):
            field = f"{member}[{index}]"
            unknown = placeholders_of(statement) - known
            if unknown:
                shown = ", ".join(sorted(f"{{{{{name}}}}}" for name in known))
                raise _refused(field, f"has a placeholder other than {shown}", "placeholder")
            if _QUOTED.search(statement):
                raise _refused(field, "has quotes around a placeholder, which brings its own", "quotes")
            if _TRANSACTION.match(statement):
                raise _refused(field, "begins or ends a transaction, which is done around it", "transaction")
    used = {name for statement in settings.creation_statements for name in placeholders_of(statement)}
    if settings.creation_statements and not {"name", "password"} <= used:
        raise _refused("creation_statements", "use {{name}} and {{password}} at least once", "placeholder")


def _refusal(message: str) -> ConfigurationRefusedError:
    match = _PATH.match(message)
    assert match is not None, "the expression matches every text"
    path, reason = match["path"] or "", match["reason"]
    member = _MEMBER.search(reason)
    if member is not None:
        path = f"{path}.{member[1]}".lstrip(".")
        reason = "Unknown member" if "unknown" in reason else "Missing"
    if "regex" in reason:
        reason = "It has a character or a form that is not allowed there"
    if "enum" in reason:
        reason = "It is one of `verify-full` and `disable`"
    field = f"config.{path}" if path else "config"
    return ConfigurationRefusedError(f"`{field}`: {reason}.", field=field, rule="provider_config")


def _refused(member: str, what: str, rule: str) -> ConfigurationRefusedError:
    field = f"config.{member}"
    return ConfigurationRefusedError(f"`{field}` {what}.", field=field, rule=rule)
