"""What libpq is told of a target: every option it knows, so that it looks for none anywhere else.

An option that is left out is taken from the environment, a service file or a file below the home directory
(PostgreSQL documentation, 34.1.2, 34.15 to 34.17); one that is there, though empty, is not.
"""

from pathlib import Path

from ca_service.config import ConfigError, TargetConfig
from ca_service.egress.addresses import Address
from ca_service.egress.target_place import PostgresqlPlace, TargetTls

#: Where systems keep the authorities that they trust: Debian, Fedora and Red Hat, SUSE, Alpine.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
#: No file, which a certificate, a key, a revocation list or passwords could be read from.
_NOWHERE = "/dev/null"
_PROTOCOL = "3.0"
#: A server that vanished without a word is noticed after a minute.
_STEADY = {
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
#: These are refused when they are empty, and stand in no environment.
_LEFT_OUT = ("service", "servicefile", "scram_client_key", "scram_server_key")


def conninfo_of(place: PostgresqlPlace, address: Address, config: TargetConfig) -> bytes:
    """Return the connection string for one checked address; it holds the password.

    Raises ConfigError if there is no file of authorities to verify TLS with.
    """
    from psycopg.pq import Conninfo

    known = {option.keyword.decode(): option.compiled or b"" for option in Conninfo.get_defaults()}
    options = {name: value.decode() for name, value in known.items() if name not in _LEFT_OUT}
    told = _told(place, address, config)
    options |= {name: value for name, value in told.items() if name in options}
    return " ".join(f"{name}={_quoted(value)}" for name, value in options.items()).encode()


def _told(place: PostgresqlPlace, address: Address, config: TargetConfig) -> dict[str, str]:
    is_plain = place.tls is TargetTls.DISABLE
    return {
        **_STEADY,
        "host": place.host,
        "hostaddr": str(address),
        "port": str(place.port),
        "dbname": place.database,
        "user": place.username,
        "password": place.password.reveal(),
        "passfile": _NOWHERE,
        "connect_timeout": str(max(2, int(config.timeout))),
        "client_encoding": "UTF8",
        "application_name": "keywright",
        "min_protocol_version": _PROTOCOL,
        "max_protocol_version": _PROTOCOL,
        "gssencmode": "disable",
        "sslmode": "disable" if is_plain else "verify-full",
        "sslrootcert": _NOWHERE if is_plain else authorities_file(config),
        "sslcertmode": "disable",
        "sslcert": _NOWHERE,
        "sslkey": _NOWHERE,
        "sslcrl": _NOWHERE,
        # Without TLS the password is only ever proved, never told.
        "require_auth": "scram-sha-256" if is_plain else "scram-sha-256,md5,password",
    }


def authorities_file(config: TargetConfig) -> str:
    """Return the file of the authorities that a target's TLS is verified with. Raises ConfigError."""
    if config.ca_file is not None:
        named = Path(config.ca_file).expanduser()
        if not named.is_file():
            raise ConfigError(f"configuration: `target.ca_file` is no file: {named}")
        return str(named)
    found = next((bundle for bundle in _BUNDLES if Path(bundle).is_file()), None)
    if found is None:
        raise ConfigError("this system has no file of trusted authorities: name one as `target.ca_file`")
    return found


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
