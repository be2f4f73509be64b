"""`keywright trust …`: fetch a server's root once, pinned by its fingerprint, and trust it from then on."""

import hashlib
import os
import shutil
import ssl
import subprocess
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Annotated

import typer

from ca_service.cli.files import prepare_folder, write_file
from ca_service.cli.output import AsJson, conclude, fail
from ca_service.client.settings import load_settings, settings_folder, store_settings
from ca_service.config import environment

app = typer.Typer(no_args_is_help=True, help="Trust a server's root certificate.")

_INSTALLED = Path("/usr/local/share/ca-certificates/keywright-root.crt")


@app.command()
def bootstrap(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The server, such as https://ca.example.com:8443")
    ],
    fingerprint: Annotated[
        str, typer.Option(help="The root's SHA-256 fingerprint in hex, as serve prints it.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Where to write the root; your settings by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the root of a server, keep it only if its fingerprint is the one given, and use that server."""
    wanted = parse_fingerprint(fingerprint)
    base = url.rstrip("/")
    root = next((pem for pem in _fetch_roots(base) if _fingerprint(pem) == wanted), None)
    if root is None:
        fail(f"{base} has no root with that fingerprint: compare it with the one that serve printed")
    variables = environment()
    target = (out or settings_folder(variables) / "root-ca.pem").absolute()
    prepare_folder(target.parent)
    write_file(target, root)
    store_settings(variables, {"url": base, "ca_file": str(target)})
    conclude(
        f"the root of {base} is trusted by keywright from now on: {target}",
        {"url": base, "ca_file": str(target), "fingerprint": wanted},
        as_json,
    )


def parse_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as lower-case hex, however it was copied. Raises BadParameter."""
    # OpenSSL prints `sha256 Fingerprint=AA:BB…`, OpenSSH and others `SHA256:…`.
    bare = "".join(text.split()).lower().rpartition("=")[2].removeprefix("sha256:").replace(":", "")
    if len(bare) != 64 or any(digit not in "0123456789abcdef" for digit in bare):
        raise typer.BadParameter("a SHA-256 fingerprint has 64 hexadecimal digits")
    return bare


@app.command()
def install(as_json: AsJson = False) -> None:
    """Put the trusted root into the system's store (Debian and its kin; as root)."""
    settings = load_settings(environment())
    if settings.ca_file is None:
        fail("no root is trusted yet: run keywright trust bootstrap URL --fingerprint HEX first")
    command = shutil.which("update-ca-certificates")
    if command is None:
        fail(
            f"this system has no update-ca-certificates: add {settings.ca_file} to its store by its own means"
        )
    if os.geteuid() != 0:
        fail("the system's store is root's: run this as root")
    shutil.copyfile(settings.ca_file, _INSTALLED)
    if subprocess.run([command], stdout=subprocess.DEVNULL, check=False).returncode != 0:
        fail("update-ca-certificates failed: see its message above")
    conclude(f"installed as {_INSTALLED}", {"file": str(_INSTALLED)}, as_json)


def _fetch_roots(base: str) -> list[str]:
    """Return the server's roots, from a connection that proves nothing: only the fingerprint does."""
    if not base.startswith("https://"):
        raise typer.BadParameter("the URL begins with https://")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({})
    )
    try:
        with opener.open(base + "/pki/roots.pem", timeout=15) as answer:
            text = answer.read(1024 * 1024).decode("ascii", "replace")
    except (OSError, HTTPException, ValueError) as error:
        fail(f"{base} does not answer ({error}): check the address, and that keywright serve is running")
    end = "-----END CERTIFICATE-----"
    return [part.strip() + f"\n{end}\n" for part in text.split(end)[:-1]]


def _fingerprint(pem: str) -> str:
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    except ValueError:
        return ""
