"""Programs of others that judge what we issue: OpenSSL, GnuTLS and NSS, each asked the same."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct


class Evidence(Struct, frozen=True, kw_only=True):
    """A certificate for a server with all that a relying party has to judge it; `at` is when it looks."""

    leaf: x509.Certificate
    between: tuple[x509.Certificate, ...]
    root: x509.Certificate
    lists: tuple[bytes, ...]
    at: datetime
    host: str | None = None


class Verifier:
    """A program; `verifies` says what it makes of evidence, and `said` holds its words."""

    name = ""
    #: Tell a program that compares names by itself.
    knows_hosts = True
    #: Tell a program that can be asked about another moment than this.
    knows_times = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        self.said = ""

    def verifies(self, evidence: Evidence) -> bool:
        """Tell whether the program trusts the certificate."""
        raise AssertionError("each program judges in its own way")

    def run(self, *arguments: str | Path) -> int:
        """Run a program, keep what it says, and return its exit status."""
        done = subprocess.run(
            [*map(str, arguments)], input=b"", capture_output=True, check=False, timeout=60, cwd=self.folder
        )
        self.said += (done.stdout + done.stderr).decode(errors="replace")
        return done.returncode

    def pem(self, name: str, *certificates: x509.Certificate) -> Path:
        """Write certificates to a file."""
        path = self.folder / name
        path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
        return path

    def crls(self, lists: tuple[bytes, ...]) -> Path:
        """Write CRLs in PEM to a file."""
        path = self.folder / "lists.pem"
        path.write_bytes(b"".join(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM) for der in lists))
        return path


class OpenSsl(Verifier):
    """`openssl verify`."""

    name = "openssl"

    def verifies(self, evidence: Evidence) -> bool:
        """Tell whether OpenSSL trusts it, its CRLs at every level included."""
        self.said = ""
        options: list[str | Path] = ["-x509_strict", "-purpose", "sslserver"]
        options += [
            "-CAfile",
            self.pem("root.pem", evidence.root),
            "-attime",
            str(int(evidence.at.timestamp())),
        ]
        if evidence.between:
            options += ["-untrusted", self.pem("between.pem", *evidence.between)]
        if evidence.lists:
            options += ["-crl_check_all", "-CRLfile", self.crls(evidence.lists)]
        if evidence.host is not None:
            options += ["-verify_hostname", evidence.host]
        return self.run("openssl", "verify", *options, self.pem("leaf.pem", evidence.leaf)) == 0


class GnuTls(Verifier):
    """`certtool --verify`, which looks at the machine's clock."""

    name = "gnutls"
    knows_times = False

    def verifies(self, evidence: Evidence) -> bool:
        """Tell whether GnuTLS trusts it."""
        self.said = ""
        chain = self.pem("chain.pem", evidence.leaf, *evidence.between)
        options: list[str | Path] = [
            "--infile",
            chain,
            "--load-ca-certificate",
            self.pem("root.pem", evidence.root),
        ]
        options += ["--verify-purpose", "1.3.6.1.5.5.7.3.1"]
        if evidence.lists:
            options += ["--load-crl", self.crls(evidence.lists)]
        if evidence.host is not None:
            options += ["--verify-hostname", evidence.host]
        return self.run("certtool", "--verify", *options) == 0


class Nss(Verifier):
    """`certutil -V` over a database of its own; names of hosts are the business of whoever uses NSS."""

    name = "nss"
    knows_hosts = False

    def verifies(self, evidence: Evidence) -> bool:
        """Tell whether NSS trusts it."""
        self.said = ""
        place = self.folder / f"db{len(list(self.folder.iterdir()))}"
        place.mkdir()
        database = f"sql:{place}"
        assert self.run("certutil", "-N", "-d", database, "--empty-password") == 0, self.said
        if not all(self._adds(database, name, trust, one) for name, trust, one in _named(evidence)):
            # It does not know the key.
            return False
        for number, der in enumerate(evidence.lists):
            file = place / f"list-{number}.der"
            file.write_bytes(der)
            if self.run("crlutil", "-I", "-d", database, "-t", "1", "-i", file) != 0:
                return False
        at = evidence.at.astimezone(UTC).strftime("%y%m%d%H%M%SZ")
        return self.run("certutil", "-V", "-n", "leaf", "-u", "V", "-e", "-b", at, "-d", database) == 0

    def _adds(self, database: str, name: str, trust: str, certificate: x509.Certificate) -> bool:
        file = self.pem(f"{name}.pem", certificate)
        return self.run("certutil", "-A", "-n", name, "-t", trust, "-a", "-i", file, "-d", database) == 0


def _named(evidence: Evidence) -> list[tuple[str, str, x509.Certificate]]:
    """Return the certificates with the names and the trust that NSS keeps them under."""
    between = [(f"between-{number}", ",,", one) for number, one in enumerate(evidence.between)]
    return [("root", "C,,", evidence.root), *between, ("leaf", ",,", evidence.leaf)]
