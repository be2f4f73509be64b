"""Our SSH authorities behind the real gate, for programs that know nothing of coroutines."""

import asyncio
from datetime import timedelta
from typing import Any

from ca_service.audit.entries import AuditEntry
from ca_service.audit.search import AuditFilter
from ca_service.custody.algorithms import KeyAlgorithm
from ssh_ca.certificates import CertificateType
from ssh_ca.encoder import certificate_line, sign_certificate
from ssh_ca.operations import CreateSshAuthority, CreateSshProfile, IssuedSshCertificate
from ssh_ca.profiles import ProfileSettings
from ssh_ca.public_keys import parse_public_key
from tests.support.ssh_ground import SshGround, make_content
from tests.support.x509_ground import TENANT

HOUR = timedelta(hours=1)


class GroundAuthority:
    """Our handlers behind the real gate, as a `SshAuthorityClient`."""

    def __init__(self, runner: asyncio.Runner, ground: SshGround) -> None:
        self.runner = runner
        self.ground = ground

    def issue(
        self, profile: str, public_key: str, principals: list[str], **fields: Any
    ) -> IssuedSshCertificate:
        """Return a certificate with its number."""
        asked = {"profile": profile, "public_key": public_key, **fields}
        return self.runner.run(self.ground.issue(*principals, **asked))

    def certify(self, profile: str, public_key: str, principals: list[str], **fields: Any) -> str:
        """Return the line of a certificate."""
        return self.issue(profile, public_key, principals, **fields).certificate

    def forge(self, authority: str, public_key: str, **changes: Any) -> str:
        """Return a certificate by an authority's own key as no request ever gets it; `changes` say how."""
        found = self.runner.run(self.ground.catalogue.authority(TENANT, authority))
        signer = self.runner.run(self.ground.catalogue.signer(found))
        content = make_content(
            parse_public_key(public_key),
            self.ground.clock,
            **{"critical_options": {}, "extensions": {}, "principals": ("ops",), **changes},
        )
        return certificate_line(sign_certificate(content, signer, found.public_key, bytes(32)))

    def authority_keys(self, kind: str) -> str:
        """Return what is published."""
        _, body, _ = self.runner.run(self.ground.artefacts(f"default/{kind}-ca.pub"))
        return body.decode()

    def key_of(self, authority: str) -> bytes:
        """Return an authority's public key in wire format."""
        return self.runner.run(self.ground.catalogue.authority(TENANT, authority)).public_key

    def perform(self, operation: Any) -> Any:
        """Return the answer of an operation, asked for by the administrator."""
        return self.runner.run(self.ground.perform(operation))

    def trail_of(self, action: str) -> list[AuditEntry]:
        """Return what the trail says of an action, newest first."""
        wanted = AuditFilter(organization=TENANT.organization, action=action, limit=1000)
        return [each.entry for each in self.runner.run(self.ground.audit.search(wanted))]

    def make_profile(
        self, name: str, algorithm: KeyAlgorithm, kind: CertificateType = CertificateType.USER
    ) -> None:
        """Make an authority of this algorithm and a profile over it, both of this name."""
        self.perform(CreateSshAuthority(project="default", name=name, type=kind, key_algorithm=algorithm))
        settings = ProfileSettings(authority=name, default_ttl=HOUR, max_ttl=HOUR)
        self.perform(CreateSshProfile(project="default", name=name, type=kind, settings=settings))
