"""What a tenant has: the names and ids by which operations and routes ask for its things.

`tests/support/holders.py` gives an organization one of everything; `NOWHERE` are names of the same shape that
nothing has.
"""

import datetime as dt

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from acme.wire.keys import AccountKey, parse_jwk
from tests.support.acme_client import ClientKey, make_csr, sign_key_change
from tests.support.ssh_ground import unknown_certificate_line


class Things(Struct, frozen=True, kw_only=True):
    """Names of one tenant's things. `organization` and `project` are ids; their slugs stand beside them."""

    organization: str
    organization_slug: str
    project: str
    project_slug: str
    environment: str
    #: One that holds nothing.
    empty_environment: str
    identity: str
    client_secret: str
    membership: str
    organization_membership: str
    #: An administrator of the instance, with the membership, and an identity that is none yet.
    instance_membership: str
    candidate: str
    policy: str
    root_authority: str
    #: An authority that waits for its certificate, and that certificate.
    outer_authority: str
    outer_certificate_der: bytes
    authority: str
    authority_id: str
    profile: str
    profile_version: int
    certificate: str
    serial_number: str
    blocked_key: str
    #: A certificate whose key is kept; it alone is meant by the mass revocation, which is under way.
    kept_certificate: str
    imported_certificate: str
    mass_revocation: str
    channel: str
    channel_id: str
    delivery: str
    ssh_authority: str
    ssh_successor: str
    ssh_profile: str
    ssh_certificate: str
    ssh_serial_number: int
    ssh_key_id: str
    ssh_certificate_line: str
    ssh_host: str
    ssh_host_token: str
    ssh_spare_token: str
    ssh_new_host: str
    ssh_host_profile: str
    ssh_mapping: str
    #: Keys that encrypt, sign and tag, one that is to be destroyed now, and what the first one encrypted.
    kms_key: str
    kms_pair: str
    kms_tag_key: str
    kms_ending_key: str
    kms_ciphertext: str
    #: A secret in a folder, one there that was deleted, and a folder in that one with nothing in it.
    folder: str
    empty_folder: str
    secret: str
    deleted_secret: str
    commit: str
    secret_import: str
    #: A dynamic secret with two leases, and one without any.
    dynamic_secret: str
    unused_dynamic_secret: str
    lease: str
    ending_lease: str
    directory: str
    directory_slug: str
    external_key: str
    account: str
    order: str
    authorization: str
    challenge: str
    responded_challenge: str
    ready_order: str
    csr_der: bytes
    acme_certificate: str
    acme_certificate_der: bytes
    #: The key that an account may still be opened for; who asks brings it along.
    jwk: bytes
    #: The inner JWS by which the account takes another key.
    key_change: bytes

    def inside(self, own: "Things") -> "Things":
        """Return the same things, asked for inside the organization and project of another tenant."""
        return msgspec.structs.replace(
            self,
            organization=own.organization,
            organization_slug=own.organization_slug,
            project=own.project,
            project_slug=own.project_slug,
            jwk=own.jwk,
        )

    def by_slug(self) -> "Things":
        """Return the same things, with organization and project named by their slugs."""
        return msgspec.structs.replace(self, organization=self.organization_slug, project=self.project_slug)

    def names(self) -> set[str]:
        """Return every text by which one of the things is known."""
        return {value for value in msgspec.structs.asdict(self).values() if isinstance(value, str)}


def account_key(key: ClientKey) -> AccountKey:
    """Return a client's key as the server knows it."""
    return parse_jwk(dict(key.jwk))


_NO_ID = "00000000000000000000000000"


def _nowhere(slug: str) -> Things:
    key = ClientKey.new()
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name([]))
    return Things(
        organization=f"org_{_NO_ID}",
        organization_slug=slug,
        project=f"prj_{_NO_ID}",
        project_slug=slug,
        environment=f"env_{_NO_ID}",
        empty_environment=f"env_{_NO_ID}",
        identity=f"idn_{_NO_ID}",
        client_secret=f"csc_{_NO_ID}",
        membership=f"mem_{_NO_ID}",
        organization_membership=f"mem_{_NO_ID}",
        instance_membership=f"mem_{_NO_ID}",
        candidate=f"idn_{_NO_ID}",
        policy=f"pol_{_NO_ID}",
        root_authority=slug,
        outer_authority=slug,
        outer_certificate_der=_unknown_certificate(builder, key),
        authority=slug,
        authority_id=f"ca_{_NO_ID}",
        profile=slug,
        profile_version=1,
        certificate=f"crt_{_NO_ID}",
        serial_number="7" * 40,
        blocked_key=f"blk_{_NO_ID}",
        kept_certificate=f"crt_{_NO_ID}",
        imported_certificate=f"imp_{_NO_ID}",
        mass_revocation=f"rvk_{_NO_ID}",
        channel=slug,
        channel_id=f"chn_{_NO_ID}",
        delivery=f"dlv_{_NO_ID}",
        ssh_authority=slug,
        ssh_successor=slug,
        ssh_profile=slug,
        ssh_certificate=f"scr_{_NO_ID}",
        ssh_serial_number=999_999,
        ssh_key_id=f"idn_{_NO_ID}",
        ssh_certificate_line=unknown_certificate_line(),
        ssh_host=f"shh_{_NO_ID}",
        ssh_host_token=f"hst_{_NO_ID}",
        ssh_spare_token=f"hst_{_NO_ID}",
        ssh_new_host=f"{slug}.test",
        ssh_host_profile=slug,
        ssh_mapping=f"slm_{_NO_ID}",
        kms_key=slug,
        kms_pair=slug,
        kms_tag_key=slug,
        kms_ending_key=slug,
        kms_ciphertext=f"kw1:1:{'Tm93' * 20}",
        folder=f"/{slug}",
        empty_folder=f"/{slug}/{slug}",
        secret=f"{slug}_KEY",
        deleted_secret=f"{slug}_OLD",
        commit=f"cmt_{_NO_ID}",
        secret_import=f"imp_{_NO_ID}",
        dynamic_secret=slug,
        unused_dynamic_secret=slug,
        lease=f"lse_{_NO_ID}",
        ending_lease=f"lse_{_NO_ID}",
        directory=f"dir_{_NO_ID}",
        directory_slug=slug,
        external_key=f"eab_{_NO_ID}",
        account=f"acc_{_NO_ID}",
        order=f"ord_{_NO_ID}",
        authorization=f"authz_{_NO_ID}",
        challenge=f"chall_{_NO_ID}",
        responded_challenge=f"chall_{_NO_ID}",
        ready_order=f"ord_{_NO_ID}",
        csr_der=make_csr("www.nowhere.test"),
        acme_certificate=f"crt_{_NO_ID}",
        acme_certificate_der=_unknown_certificate(builder, key),
        jwk=account_key(ClientKey.new()).jwk,
        key_change=sign_key_change("https://ca.example/acme/nowhere", f"acc_{_NO_ID}", key),
    )


def _unknown_certificate(builder: x509.CertificateBuilder, key: ClientKey) -> bytes:
    assert isinstance(key.private_key, ec.EllipticCurvePrivateKey)
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    signed = (
        builder.public_key(key.private_key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=1))
        .sign(key.private_key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.DER)


NOWHERE = _nowhere("nowhere")
