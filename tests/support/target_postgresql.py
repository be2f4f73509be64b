"""A PostgreSQL server in which accounts are made: on loopback TCP, with passwords and with TLS."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from ca_service.config import TargetConfig, ValidationConfig
from ca_service.egress.egress import Egress
from ca_service.egress.target import TargetEgress
from ca_service.kernel.clock import SystemClock
from ca_service.kernel.randomness import SystemRandomness
from tests.support.challenge_host import free_port
from tests.support.postgresql import PostgresqlCluster

HOST = "127.0.0.1"
#: The login that makes accounts without being a superuser, and the one that is.
ROOT, SUPERUSER = "kw_root", "kw_super"
ROOT_PASSWORD = "the root's Pass'word \\ 1"
ROLES = ("app_read", "app_write")
_SET_UP: tuple[LiteralString, ...] = (
    "CREATE ROLE kw_root LOGIN CREATEROLE",
    "CREATE ROLE kw_super LOGIN SUPERUSER",
    "CREATE ROLE app_read",
    "CREATE ROLE app_write",
    "CREATE DATABASE app OWNER app_write",
    "CREATE DATABASE other",
)
_IN_DATABASES: tuple[LiteralString, ...] = (
    "CREATE SCHEMA stock",
    "CREATE TABLE stock.items (id int)",
    "GRANT USAGE ON SCHEMA stock TO app_read, app_write",
    "GRANT SELECT ON stock.items TO app_read",
    "GRANT SELECT, INSERT ON stock.items TO app_write",
    "GRANT CREATE ON SCHEMA stock TO app_write, kw_root",
)


class TargetServer:
    """One running server with the databases `app` and `other`; `close` ends it."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="kw-target-"))
        self.ca_file = _write_certificate(self._folder)
        files = ("-c", f"ssl_cert_file={self._folder}/crt", "-c", f"ssl_key_file={self._folder}/key")
        #: What the server was asked is in its log, so that a test can look for passwords there.
        told = ("-c", "ssl=on", "-c", "log_statement=all", "-c", "log_min_messages=log")
        self.cluster = PostgresqlCluster(tcp_port=self.port, settings=(*files, *told))
        with self.session("postgres") as session:
            for statement in _SET_UP:
                session.execute(statement)
        for name in (ROOT, SUPERUSER):
            self._set_password(name)
        self.make_schemas()

    def make_schemas(self) -> None:
        """Make the schema `stock` in both databases."""
        for database in ("app", "other"):
            with self.session(database) as session:
                for statement in _IN_DATABASES:
                    session.execute(statement)

    def config(self, **members: Any) -> dict[str, Any]:
        """Return a configuration of the provider for this server."""
        return {
            "host": HOST,
            "port": self.port,
            "database": "app",
            "username": ROOT,
            "password": ROOT_PASSWORD,
            "tls": "disable",
            "roles": list(ROLES),
            **members,
        }

    def log(self) -> str:
        """Return everything that the server has logged."""
        return self.cluster.log()

    @contextmanager
    def session(self, database: str = "app", **login: Any) -> Iterator[psycopg.Connection[Any]]:
        """Lend a session of an administrator, or of whoever logs in."""
        if login:
            place = psycopg.connect(host=HOST, port=self.port, dbname=database, autocommit=True, **login)
        else:
            place = psycopg.connect(self.cluster.url(database), autocommit=True)
        with place as connection:
            yield connection

    def run(self, statement: LiteralString, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as an administrator and return its rows, if it has any."""
        with self.session(database) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def run_on(self, name: str, statement: LiteralString, database: str = "app") -> None:
        """Run a statement as an administrator, with a role's name for `{}`."""
        with self.session(database) as session:
            session.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def accounts(self, prefix: str = "") -> set[str]:
        """Return the roles that log in, but for the three that are always there."""
        with self.session() as session:
            rows = session.execute("SELECT rolname FROM pg_roles WHERE left(rolname, 3) <> 'pg_'").fetchall()
        names = {row[0] for row in rows} - {"keywright", ROOT, SUPERUSER, *ROLES}
        return {name for name in names if name.startswith(prefix)}

    def drop_accounts(self) -> None:
        """Take every account away that a test left."""
        for name in self.accounts():
            for database in ("app", "other"):
                self.run_on(name, "REASSIGN OWNED BY {} TO keywright", database)
                self.run_on(name, "DROP OWNED BY {}", database)
            self.run_on(name, "DROP ROLE {}")

    def restore(self) -> None:
        """Take everything away that a test left."""
        for database in ("app", "other"):
            self.run("DROP SCHEMA stock CASCADE", database)
        self.drop_accounts()
        self.make_schemas()

    def close(self) -> None:
        """Stop the server and remove its files."""
        self.cluster.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _set_password(self, name: str) -> None:
        with self.session() as session:
            verifier = session.pgconn.encrypt_password(
                ROOT_PASSWORD.encode(), name.encode(), b"scram-sha-256"
            )
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            session.execute(statement.format(sql.Identifier(name), verifier.decode()))


def way_to_targets(**settings: Any) -> TargetEgress:
    """Return the egress of the class `target`, which may connect to IPv4's loopback."""
    config = TargetConfig(**{"allowed_networks": ("127.0.0.0/8",), "timeout": 5.0, **settings})
    return Egress(ValidationConfig(), SystemClock(), SystemRandomness(), target=config).targets()


def _write_certificate(folder: Path) -> Path:
    """Write the certificate of `localhost` with its key, and return the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "target of tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key").write_bytes(private)
    (folder / "key").chmod(0o600)
    (folder / "crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        for path in (folder, folder / "key", folder / "crt"):
            os.chown(path, user.pw_uid, user.pw_gid)
    return folder / "crt"
