"""An authority that is ready to sign: its signer, and every part of a certificate that never changes."""

from binascii import b2a_base64
from itertools import combinations
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import AuthorityInformationAccessOID
from msgspec import Struct

from ca_service.custody.signers import Signer
from ca_service.x509.authorities import Authority
from ca_service.x509.authority_constraints import IssuingLimits, issuing_limits, read_authority_constraints
from ca_service.x509.chains import without_root
from ca_service.x509.profiles import RevocationPointer
from ca_service.x509.publishing import Publishing
from ca_service.x509.validity import Validity

Extensions: TypeAlias = tuple[x509.Extension[x509.ExtensionType], ...]
_EVERY_CHOICE = [
    frozenset(choice)
    for count in range(len(RevocationPointer) + 1)
    for choice in combinations(RevocationPointer, count)
]


class Issuer(Struct, frozen=True, kw_only=True):
    """An authority with its signer. `chain_pem` is what stands above a leaf: itself first, no root.

    `alternates` are its other chains, in the order of `chains.chains_from`. `limits` are the name constraints
    and purposes of it and all above it, None if none has any. `validity` ends with the first end among the
    certificates of its chain, which nothing it signs passes.
    """

    authority: Authority
    certificate: x509.Certificate
    signer: Signer
    name: x509.Name
    chain_pem: tuple[str, ...]
    key_identifier: x509.AuthorityKeyIdentifier
    #: What certificates of authorities carry: `extensions_with` the CRL alone.
    extensions: Extensions
    by_pointers: dict[frozenset[RevocationPointer], Extensions]
    alternates: tuple[tuple[str, ...], ...] = ()
    limits: IssuingLimits | None = None
    #: Every link of the chain, limited or not.
    links: IssuingLimits
    validity: Validity
    publishing: Publishing = Publishing()
    #: With shards: what a certificate says whose status is in the CRL of each shard.
    by_shard: dict[tuple[str, frozenset[RevocationPointer]], Extensions] = {}

    def extensions_with(
        self, pointers: tuple[RevocationPointer, ...], serial_number: int | None = None
    ) -> Extensions:
        """Return what a certificate of this number says of its issuer, with these pointers to its status.

        Without a number the complete CRL is meant.
        """
        chosen = frozenset(pointers)
        if not self.by_shard or serial_number is None:
            return self.by_pointers[chosen]
        return self.by_shard[self.publishing.part_of(serial_number), chosen]


class PublicAddresses(Struct, frozen=True):
    """Where the artefacts of authorities are published: the plain listener, so that no TLS loop arises."""

    base: str

    def certificate(self, authority_id: str) -> str:
        """Return the address of an authority's certificate in DER."""
        return f"{self.base}/pki/{authority_id}/ca.der"

    def revocation_list(self, authority_id: str) -> str:
        """Return the address of an authority's CRL."""
        return f"{self.base}/pki/{authority_id}/crl"

    def shard(self, authority_id: str, part: str) -> str:
        """Return the address of a shard of an authority's CRL, or of the complete one."""
        whole = self.revocation_list(authority_id)
        return f"{whole}/{part}" if part else whole

    def responder(self, authority_id: str) -> str:
        """Return the address of an authority's OCSP responder."""
        return f"{self.base}/pki/{authority_id}/ocsp"


def pem_of(der: bytes, label: str = "CERTIFICATE") -> str:
    """Return a certificate in PEM; it ends with a newline (RFC 7468 section 5)."""
    text = b2a_base64(der, newline=False).decode("ascii")
    lines = [text[place : place + 64] for place in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----\n"))


def ready_issuer(
    authority: Authority,
    signer: Signer,
    chains: tuple[tuple[bytes, ...], ...],
    addresses: PublicAddresses,
    publishing: Publishing = Publishing(),  # noqa: B008 - frozen
) -> Issuer:
    """Return an authority ready to sign; `chains` begin with its own certificates, the first with its own."""
    above = tuple(map(x509.load_der_x509_certificate, chains[0]))
    certificate = above[0]
    key_identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    by_pointers = {
        pointers: issuer_extensions(key_identifier, authority.id, addresses, pointers, publishing)
        for pointers in _EVERY_CHOICE
    }
    by_shard = {
        (part, choice): issuer_extensions(key_identifier, authority.id, addresses, choice, publishing, part)
        for part in publishing.shards
        for choice in _EVERY_CHOICE
    }
    chain_pem, *alternates = [tuple(map(pem_of, without_root(chain))) for chain in chains]
    return Issuer(
        authority=authority,
        certificate=certificate,
        signer=signer,
        name=certificate.subject,
        chain_pem=chain_pem,
        key_identifier=x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier),
        extensions=by_pointers[frozenset({RevocationPointer.CRL})],
        by_pointers=by_pointers,
        publishing=publishing,
        by_shard=by_shard,
        alternates=tuple(alternates),
        limits=issuing_limits(above),
        links=IssuingLimits(tuple(map(read_authority_constraints, above))),
        validity=Validity(authority.not_before, min(link.not_valid_after_utc for link in above)),
    )


def issuer_extensions(
    key_identifier: x509.SubjectKeyIdentifier,
    authority_id: str,
    addresses: PublicAddresses,
    pointers: frozenset[RevocationPointer],
    publishing: Publishing,
    part: str = "",
) -> Extensions:
    """Return what a certificate of an authority says about it; `part` is the shard of its CRL, if any.

    That is the authority key identifier, the CRL distribution point where it is chosen, and the authority
    information access (RFC 5280 sections 4.2.1.1, 4.2.1.13 and 4.2.2.1).
    """
    values: list[x509.ExtensionType] = [
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier)
    ]
    if RevocationPointer.CRL in pointers:
        places = (addresses.shard(authority_id, part), *publishing.copies_of(part))
        place = list(map(x509.UniformResourceIdentifier, places))
        point = x509.DistributionPoint(full_name=place, relative_name=None, reasons=None, crl_issuer=None)
        values.append(x509.CRLDistributionPoints([point]))
    accesses = [_access(AuthorityInformationAccessOID.CA_ISSUERS, addresses.certificate(authority_id))]
    if RevocationPointer.OCSP in pointers:
        accesses.insert(0, _access(AuthorityInformationAccessOID.OCSP, addresses.responder(authority_id)))
    values.append(x509.AuthorityInformationAccess(accesses))
    return tuple(encoded_extension(value, critical=False) for value in values)


def shard_named_by(der: bytes) -> str:
    """Return the shard of the CRL that a certificate of ours names; empty for the complete one."""
    try:
        extensions = x509.load_der_x509_certificate(der).extensions
        points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ""
    # Our own address stands first; copies may have any form.
    own = next((name.value for point in points for name in point.full_name or ()), "")
    _, _, part = str(own).rpartition("/crl/")
    return part if part.isdecimal() else ""


def _access(method: x509.ObjectIdentifier, address: str) -> x509.AccessDescription:
    return x509.AccessDescription(method, x509.UniformResourceIdentifier(address))


def encoded_extension(value: x509.ExtensionType, *, critical: bool) -> x509.Extension[x509.ExtensionType]:
    """Return an extension that is encoded already: one that never changes costs nothing at each signature."""
    encoded = x509.UnrecognizedExtension(value.oid, value.public_bytes())
    return x509.Extension(value.oid, critical=critical, value=encoded)


async def sign_certificate(builder: x509.CertificateBuilder, signer: Signer) -> x509.Certificate:
    """Return the certificate signed: slow keys in a thread, the others here, where they are faster."""
    if signer.is_slow:
        return await signer.in_turn(builder.sign, signer.certificate_key, signer.certificate_hash)
    return builder.sign(signer.certificate_key, signer.certificate_hash)


async def sign_request(builder: x509.CertificateSigningRequestBuilder, signer: Signer) -> bytes:
    """Return a request for a certificate of this key, signed by it, in DER (RFC 2986)."""
    signed = await signer.in_turn(builder.sign, signer.certificate_key, signer.certificate_hash)
    return signed.public_bytes(serialization.Encoding.DER)
