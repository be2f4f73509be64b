"""Finding certificates of the inventory, for commands."""

from typing import Annotated, Any

import typer

from ca_service.cli.output import fail
from ca_service.cli.session import connect
from ca_service.client.api import address

CertificateId = Annotated[
    str, typer.Argument(metavar="ID", help="The certificate's id, or its serial number in hex.")
]


def certificates(project: str, *further: str) -> str:
    """Return the path of a project's certificates, or of what is below it."""
    return address("v1", "projects", project, "x509", "certificates", *further)


def find(project: str, certificate_id: str) -> dict[str, Any]:
    """Return the certificate of an id or serial number; end the command if there is none."""
    client = connect()
    if "_" not in certificate_id:
        serial_number = certificate_id.replace(":", "").lower()
        matches = list(client.items(certificates(project), {"serial_number": serial_number}, 2))
        if not matches:
            fail(f"no certificate has the serial number {serial_number}: see keywright pki certificate list")
        certificate_id = matches[0]["id"]
    place = certificates(project, certificate_id)
    if certificate_id.startswith("imp_"):
        place = address("v1", "projects", project, "x509", "imports", certificate_id)
    found: dict[str, Any] = client.get(place)
    return found
