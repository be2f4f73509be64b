"""An authority that is ready to sign: its signer, and every part of a certificate that never changes."""

import asyncio
from binascii import b2a_base64
from itertools import combinations
from typing import TypeAlias

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID
from msgspec import Struct

from ca_service.custody.signers import Signer
from ca_service.x509.authorities import Authority
from ca_service.x509.profiles import RevocationPointer
from ca_service.x509.validity import Validity

Extensions: TypeAlias = tuple[x509.Extension[x509.ExtensionType], ...]
_EVERY_CHOICE = [
    frozenset(choice)
    for count in range(len(RevocationPointer) + 1)
    for choice in combinations(RevocationPointer, count)
]


class Issuer(Struct, frozen=True, kw_only=True):
    """An authority with its signer. `chain_pem` is what stands above a leaf: itself first, no root."""

    authority: Authority
    certificate: x509.Certificate
    signer: Signer
    name: x509.Name
    chain_pem: tuple[str, ...]
    key_identifier: x509.AuthorityKeyIdentifier
    #: What certificates of authorities carry: `extensions_with` the CRL alone.
    extensions: Extensions
    by_pointers: dict[frozenset[RevocationPointer], Extensions]

    @property
    def validity(self) -> Validity:
        """Return the ends of its own certificate, which nothing it signs passes."""
        return Validity(self.authority.not_before, self.authority.not_after)

    def extensions_with(self, pointers: tuple[RevocationPointer, ...]) -> Extensions:
        """Return what a certificate says of its issuer, with these pointers to its status."""
        return self.by_pointers[frozenset(pointers)]


class PublicAddresses(Struct, frozen=True):
    """Where the artefacts of authorities are published: the plain listener, so that no TLS loop arises."""

    base: str

    def certificate(self, authority_id: str) -> str:
        """Return the address of an authority's certificate in DER."""
        return f"{self.base}/pki/{authority_id}/ca.der"

    def revocation_list(self, authority_id: str) -> str:
        """Return the address of an authority's CRL."""
        return f"{self.base}/pki/{authority_id}/crl"

    def responder(self, authority_id: str) -> str:
        """Return the address of an authority's OCSP responder."""
        return f"{self.base}/pki/{authority_id}/ocsp"


def pem_of(der: bytes) -> str:
    """Return a certificate in PEM; it ends with a newline (RFC 7468 section 5)."""
    text = b2a_base64(der, newline=False).decode("ascii")
    lines = [text[place : place + 64] for place in range(0, len(text), 64)]
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----\n"))


def ready_issuer(
    authority: Authority, signer: Signer, above: tuple[Authority, ...], addresses: PublicAddresses
) -> Issuer:
    """Return an authority ready to sign; `above` are its issuers, nearest first."""
    certificate = x509.load_der_x509_certificate(authority.certificate_der)
    key_identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    by_pointers = {
        pointers: issuer_extensions(key_identifier, authority.id, addresses, pointers)
        for pointers in _EVERY_CHOICE
    }
    return Issuer(
        authority=authority,
        certificate=certificate,
        signer=signer,
        name=certificate.subject,
        chain_pem=tuple(pem_of(link.certificate_der) for link in (authority, *above) if not link.is_root),
        key_identifier=x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier),
        extensions=by_pointers[frozenset({RevocationPointer.CRL})],
        by_pointers=by_pointers,
    )


def issuer_extensions(
    key_identifier: x509.SubjectKeyIdentifier,
    authority_id: str,
    addresses: PublicAddresses,
    pointers: frozenset[RevocationPointer],
) -> Extensions:
    """Return what a certificate of an authority says about it.

    That is the authority key identifier, the CRL distribution point where it is chosen, and the authority
    information access (RFC 5280 sections 4.2.1.1, 4.2.1.13 and 4.2.2.1).
    """
    values: list[x509.ExtensionType] = [
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier)
    ]
    if RevocationPointer.CRL in pointers:
        place = [x509.UniformResourceIdentifier(addresses.revocation_list(authority_id))]
        point = x509.DistributionPoint(full_name=place, relative_name=None, reasons=None, crl_issuer=None)
        values.append(x509.CRLDistributionPoints([point]))
    accesses = [_access(AuthorityInformationAccessOID.CA_ISSUERS, addresses.certificate(authority_id))]
    if RevocationPointer.OCSP in pointers:
        accesses.insert(0, _access(AuthorityInformationAccessOID.OCSP, addresses.responder(authority_id)))
    values.append(x509.AuthorityInformationAccess(accesses))
    return tuple(encoded_extension(value, critical=False) for value in values)


def _access(method: x509.ObjectIdentifier, address: str) -> x509.AccessDescription:
    return x509.AccessDescription(method, x509.UniformResourceIdentifier(address))


def encoded_extension(value: x509.ExtensionType, *, critical: bool) -> x509.Extension[x509.ExtensionType]:
    """Return an extension that is encoded already: one that never changes costs nothing at each signature."""
    encoded = x509.UnrecognizedExtension(value.oid, value.public_bytes())
    return x509.Extension(value.oid, critical=critical, value=encoded)


async def sign_certificate(builder: x509.CertificateBuilder, signer: Signer) -> x509.Certificate:
    """Return the certificate signed: slow keys in a thread, the others here, where they are faster."""
    if signer.is_slow:
        return await asyncio.to_thread(builder.sign, signer.certificate_key, signer.certificate_hash)
    return builder.sign(signer.certificate_key, signer.certificate_hash)
