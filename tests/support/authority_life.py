"""A ground, and short ways to ask for what happens to authorities."""

from typing import Any

import pytest
from cryptography import x509

from ca_service.kernel.errors import KeywrightError
from ca_service.x509.operations import (
    CreateAuthority,
    DescribedAuthority,
    ImportAuthorityCertificate,
    ReadAuthority,
)
from tests.support.external_ca import ExternalCa, der
from tests.support.x509_ground import CertificateGround, parse

HOME = "default"


class Life:
    """What is asked of authorities."""

    def __init__(self, ground: CertificateGround) -> None:
        self.ground = ground
        self.perform = ground.perform

    async def read(self, name: str) -> DescribedAuthority:
        found: DescribedAuthority = await self.perform(ReadAuthority(project=HOME, name=name))
        return found

    async def external(self, elsewhere: ExternalCa, name: str = "outer") -> DescribedAuthority:
        """Make an authority below a parent elsewhere, and import what that signed."""
        made = await self.perform(CreateAuthority(project=HOME, name=name, has_external_parent=True))
        imported: DescribedAuthority = await self.perform(
            ImportAuthorityCertificate(
                project=HOME,
                name=name,
                certificate_der=der(elsewhere.answer(made.csr_pem)),
                chain=elsewhere.chain,
            )
        )
        return imported

    async def refused(self, operation: Any) -> tuple[str | None, str | None]:
        with pytest.raises(KeywrightError) as caught:
            await self.perform(operation)
        return caught.value.field, caught.value.rule


def certificate_of(described: DescribedAuthority) -> x509.Certificate:
    """Return the certificate of an authority."""
    assert described.certificate_pem is not None
    return parse(described.certificate_pem)
