"""What profile and kind of key fix in an end entity's certificate: usages, policies, stapling."""

from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec import Struct

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.x509.issuers import encoded_extension
from ca_service.x509.profiles import KeyUsage, ProfileSettings, Purpose

PURPOSE_OIDS = {
    Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
    Purpose.EMAIL: ExtendedKeyUsageOID.EMAIL_PROTECTION,
    Purpose.CODE: ExtendedKeyUsageOID.CODE_SIGNING,
    Purpose.TIME: ExtendedKeyUsageOID.TIME_STAMPING,
}
_SIGNS = frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.CONTENT_COMMITMENT})


class Usages(Struct, frozen=True, kw_only=True):
    """What a certificate is for. No `key_usages` means those that key and purposes call for."""

    purposes: tuple[Purpose, ...]
    further_purposes: tuple[str, ...] = ()
    key_usages: tuple[KeyUsage, ...] = ()
    policies: tuple[str, ...] = ()
    is_stapled: bool = False

    @property
    def purpose_oids(self) -> tuple[x509.ObjectIdentifier, ...]:
        """Return the extended key usages in their order."""
        return _purpose_oids(self.purposes, self.further_purposes)

    def extensions(self, algorithm: KeyAlgorithm) -> tuple[x509.Extension[x509.ExtensionType], ...]:
        """Return the extensions that say so, encoded once for all certificates that are alike."""
        return _extensions(
            algorithm,
            self.purposes,
            self.further_purposes,
            self.key_usages,
            self.policies,
            self.is_stapled,
        )


def usages_of(settings: ProfileSettings, *, is_stapled: bool) -> Usages:
    """Return what certificates of a profile are for."""
    return Usages(
        purposes=settings.purposes,
        further_purposes=settings.further_purposes,
        key_usages=settings.key_usages,
        policies=settings.policies,
        is_stapled=is_stapled,
    )


def possible_usages(algorithm: KeyAlgorithm) -> frozenset[KeyUsage]:
    """Return what a key of this algorithm can do at all.

    Sources: RFC 3279 section 2.3 (RSA, EC), RFC 8410 section 5 (Ed25519), RFC 9881 section 5 (ML-DSA).
    """
    if algorithm.is_rsa:
        return _SIGNS | {KeyUsage.KEY_ENCIPHERMENT, KeyUsage.DATA_ENCIPHERMENT}
    return _SIGNS | {KeyUsage.KEY_AGREEMENT} if algorithm.is_elliptic else _SIGNS


@lru_cache(maxsize=256)
def _purpose_oids(
    purposes: tuple[Purpose, ...], further: tuple[str, ...]
) -> tuple[x509.ObjectIdentifier, ...]:
    return (*(PURPOSE_OIDS[purpose] for purpose in purposes), *map(x509.ObjectIdentifier, further))


@lru_cache(maxsize=256)
def _extensions(
    algorithm: KeyAlgorithm,
    purposes: tuple[Purpose, ...],
    further: tuple[str, ...],
    wanted: tuple[KeyUsage, ...],
    policies: tuple[str, ...],
    is_stapled: bool,
) -> tuple[x509.Extension[x509.ExtensionType], ...]:
    extended = x509.ExtendedKeyUsage(_purpose_oids(purposes, further))
    found = [
        encoded_extension(_key_usage(algorithm, purposes, wanted), critical=True),
        # Critical where RFC 3161 section 2.3 demands it; elsewhere it would only break readers.
        encoded_extension(extended, critical=Purpose.TIME in purposes),
    ]
    if policies:
        informations = [x509.PolicyInformation(x509.ObjectIdentifier(each), None) for each in policies]
        found.append(encoded_extension(x509.CertificatePolicies(informations), critical=False))
    if is_stapled:
        feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
        found.append(encoded_extension(feature, critical=False))
    return tuple(found)


def _key_usage(
    algorithm: KeyAlgorithm, purposes: tuple[Purpose, ...], wanted: tuple[KeyUsage, ...]
) -> x509.KeyUsage:
    """Return the key usage; never one of an authority's. Left open, only RSA keys of servers encipher."""
    if not wanted:
        enciphers = algorithm.is_rsa and Purpose.SERVER in purposes
        wanted = (KeyUsage.DIGITAL_SIGNATURE, *([KeyUsage.KEY_ENCIPHERMENT] if enciphers else ()))
    has = possible_usages(algorithm) & {*wanted}
    return x509.KeyUsage(
        digital_signature=KeyUsage.DIGITAL_SIGNATURE in has,
        content_commitment=KeyUsage.CONTENT_COMMITMENT in has,
        key_encipherment=KeyUsage.KEY_ENCIPHERMENT in has,
        data_encipherment=KeyUsage.DATA_ENCIPHERMENT in has,
        key_agreement=KeyUsage.KEY_AGREEMENT in has,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
