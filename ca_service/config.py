"""The whole configuration as frozen values, and the only reader of the environment.

Order, later wins: defaults, the TOML file, the environment, the command line. `[acme.validation] http_port`
is `KEYWRIGHT__ACME__VALIDATION__HTTP_PORT` in the environment; lists and tables there are JSON. An unknown
key is an error that names it.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

_PREFIX = "KEYWRIGHT__"
#: Variables of the environment that are read without the section syntax, and the setting each one stands for.
_SHORT: Mapping[str, tuple[str, ...]] = {"KEYWRIGHT_DATA": ("data",)}

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]


class ConfigError(Exception):
    """The configuration cannot be used; the message is one sentence that names the setting."""


class ServerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[server]`: listeners, processes, and which peers may speak for others (S9)."""

    listen: str = "127.0.0.1:8443"
    plain_listen: str = "127.0.0.1:8080"
    public_url: str | None = None
    plain_public_url: str | None = None
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    trusted_proxies: tuple[str, ...] = ()
    stop_timeout: Seconds = 10.0
    metrics_listen: str | None = None


class DatabaseConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[database]`: None means `sqlite:///DATA/keywright.db`."""

    url: str | None = None
    connections: Annotated[int, Meta(ge=2, le=200)] = 8


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[log]`."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Pkcs11Config(Struct, frozen=True, forbid_unknown_fields=True):
    """`[custody.pkcs11.NAME]`: a key store on a PKCS #11 token; authorities name it as `NAME`.

    `library` is the token's own shared library, `pin_file` holds the user's PIN and is its owner's alone,
    `sessions` is how many signatures each worker asks of the token at once.
    """

    library: str
    token_label: str
    pin_file: str
    sessions: Annotated[int, Meta(ge=1, le=64)] = 4


_StoreName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?\Z")]


class CustodyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[custody]`: where the root key lies: `file` (`DATA/root-key`), `file:/path`, or `env:NAME`."""

    root_key: str = "file"
    pkcs11: dict[_StoreName, Pkcs11Config] = {}


class ValidationConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[acme.validation]`: how challenges are validated. Everything here is for tests but the networks."""

    http_port: Port = 80
    https_port: Port = 443
    tls_alpn_port: Port = 443
    resolvers: tuple[str, ...] = ()
    allowed_networks: tuple[str, ...] = ()
    denied_networks: tuple[str, ...] = ()
    timeout: Seconds = 10.0


class ChaosConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[acme.chaos]`: for authors of ACME clients."""

    reject_nonces: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.0


_Burst = Annotated[int, Meta(ge=0, le=1_000_000)]
#: A URL that can stand in a Link header as it is.
_Link = Annotated[str, Meta(pattern=r"^https?://[!-;=?-~]+\Z")]
_PerSecond = Annotated[float, Meta(gt=0, le=1_000_000)]


class LimitsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[acme.limits]`: how often each /24 or /64 may ask one worker, before anything is read (S8).

    So many at once, refilled by so many a second; a burst of 0 limits nothing. `help_url` is where clients
    are told to read more (RFC 8555 section 6.6).
    """

    new_nonce_burst: _Burst = 20_000
    new_nonce_per_second: _PerSecond = 10_000.0
    new_account_burst: _Burst = 5_000
    new_account_per_second: _PerSecond = 2_500.0
    #: Requests that a key signs and no account, before the signature is verified: after that each leaves a
    #: row. At two workers a network leaves less than 1,000 in a minute.
    strangers_burst: _Burst = 400
    strangers_per_second: _PerSecond = 1.5
    #: Accounts that are made, whatever else newAccount is asked for.
    accounts_burst: _Burst = 500
    accounts_per_second: _PerSecond = 5.0
    new_order_burst: _Burst = 3_000
    new_order_per_second: _PerSecond = 1_000.0
    help_url: _Link = "https://www.rfc-editor.org/rfc/rfc8555#section-6.6"


class AcmeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[acme]`."""

    validation: ValidationConfig = ValidationConfig()
    chaos: ChaosConfig = ChaosConfig()
    limits: LimitsConfig = LimitsConfig()
    directory_aliases: dict[str, str] = {}


class NotifyConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[notify]`: where webhooks and mail may go (S4), by which name servers, and whom TLS trusts beside the
    system's authorities (`ca_file`).
    """

    allowed_networks: tuple[str, ...] = ()
    denied_networks: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    timeout: Seconds = 10.0
    ca_file: str | None = None


class TargetConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[target]`: where dynamic secrets may make accounts (S4), by which name servers, and whom TLS trusts
    (`ca_file` in place of the system's authorities).

    `timeout` bounds connecting, and each statement after that. Our own database is a target only with
    `allow_own_database`: who may make a role there can do anything to Keywright.
    """

    allowed_networks: tuple[str, ...] = ()
    denied_networks: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    timeout: Annotated[float, Meta(ge=0.1, le=15)] = 10.0
    ca_file: str | None = None
    allow_own_database: bool = False


class IdentityConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[identity]`: lifetimes of tokens, and when failed logins lock their source out, as seconds.

    A source is locked out for `lockout_duration` at the `lockout_threshold`th failure, each within
    `lockout_window` of the one before; a threshold of 0 locks nobody out.
    """

    token_ttl: Annotated[int, Meta(ge=1)] = 3600
    token_max_ttl: Annotated[int, Meta(ge=1)] = 30 * 86400
    lockout_threshold: Annotated[int, Meta(ge=0, le=1000)] = 3
    lockout_duration: Annotated[int, Meta(ge=1, le=30 * 86400)] = 300
    lockout_window: Annotated[int, Meta(ge=1, le=86400)] = 300


class AuditConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`[audit]`: how often the sequencer closes a Merkle batch, and how long a batch may be."""

    batch_seconds: Seconds = 1.0
    batch_entries: Annotated[int, Meta(ge=1, le=10_000)] = 1000


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything Keywright can be told."""

    data: str = "./data"
    server: ServerConfig = ServerConfig()
    database: DatabaseConfig = DatabaseConfig()
    log: LogConfig = LogConfig()
    custody: CustodyConfig = CustodyConfig()
    acme: AcmeConfig = AcmeConfig()
    notify: NotifyConfig = NotifyConfig()
    target: TargetConfig = TargetConfig()
    identity: IdentityConfig = IdentityConfig()
    audit: AuditConfig = AuditConfig()

    @property
    def data_path(self) -> Path:
        """Return the data directory, absolute."""
        return Path(self.data).expanduser().absolute()

    @property
    def database_url(self) -> str:
        """Return the URL of the database in use."""
        return self.database.url or f"sqlite:///{self.data_path / 'keywright.db'}"


def environment() -> dict[str, str]:
    """Return the environment of this process: for variables that other settings name (`env:NAME`)."""
    return dict(os.environ)


def load_config(
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Config:
    """Return the configuration of this start.

    `overrides` are the command line's: dotted keys (`server.listen`), None meaning "not given". `variables`
    stands for the environment in tests. Raises ConfigError with one sentence that names the setting.
    """
    tree: dict[str, Any] = {}
    if file is not None:
        tree = _read_toml(file)
    for path, text in _settings_of(os.environ if variables is None else variables):
        _put(tree, path, _environment_value(path, text))
    for dotted, value in (overrides or {}).items():
        if value is not None:
            _put(tree, tuple(dotted.split(".")), value)
    try:
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration: {error}") from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration file {file} is not TOML: {error}") from error


def _settings_of(variables: Mapping[str, str]) -> list[tuple[tuple[str, ...], str]]:
    settings: list[tuple[tuple[str, ...], str]] = [
        (_SHORT[name], text) for name, text in variables.items() if name in _SHORT
    ]
    settings += [
        (tuple(name[len(_PREFIX) :].lower().split("__")), text)
        for name, text in sorted(variables.items())
        if name.startswith(_PREFIX)
    ]
    return settings


def _environment_value(path: tuple[str, ...], text: str) -> Any:
    """Return what the text means at this place: text stays text, everything else is JSON."""
    if _declared_type(path) is str:
        return text
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return text


def _declared_type(path: tuple[str, ...]) -> Any:
    """Return `str` where the setting at `path` takes text, and None where it takes anything else."""
    struct: Any = Config
    for index, key in enumerate(path):
        fields = {field.name: field.type for field in msgspec.structs.fields(struct)}
        declared = fields.get(key)
        if declared is None:
            return None
        if index == len(path) - 1:
            return str if declared is str or declared == (str | None) else None
        if not (isinstance(declared, type) and issubclass(declared, Struct)):
            return None
        struct = declared
    return None


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            raise ConfigError(f"`{'.'.join(path)}` is set inside `{key}`, which is not a table")
        tree = below
    tree[path[-1]] = value
