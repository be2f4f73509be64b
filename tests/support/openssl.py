"""The openssl program, as tests and benches use it."""

import subprocess
from pathlib import Path


def openssl(*arguments: str | Path, stdin: bytes | None = None, check: bool = True) -> str:
    """Run openssl and return what it printed on both outputs."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=False, timeout=60
    )
    text = (done.stdout + done.stderr).decode(errors="replace")
    if check and done.returncode != 0:
        raise AssertionError(f"openssl {arguments[0]} failed:\n{text}")
    return text


def make_csr(
    folder: Path, *names: str, addresses: tuple[str, ...] = (), curve: str = "P-256", subject: str = "/"
) -> tuple[Path, Path]:
    """Make an EC key and a CSR for DNS names and IP addresses; return the files of both."""
    key, csr = folder / "request.key", folder / "request.csr"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", key)
    asked = [*(f"DNS:{name}" for name in names), *(f"IP:{address}" for address in addresses)]
    extension = "subjectAltName=" + ",".join(asked)
    openssl("req", "-new", "-key", key, "-subj", subject, "-addext", extension, "-out", csr)
    return key, csr


def make_self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed P-256 certificate; return the files of certificate and key."""
    key, certificate = folder / "self.key", folder / "self.pem"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    openssl("req", "-x509", "-new", "-key", key, "-subj", f"/CN={name}", "-days", "2", "-out", certificate)
    return certificate, key
