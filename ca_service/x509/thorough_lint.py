"""pkilint over a certificate before it is signed, for profiles that ask for it (ADR 11).

The certificate is signed by a key that is thrown away, so that what pkilint reads is in everything else what
would be signed. It takes tens of milliseconds of a thread; the package is an extra of its own.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.custody import Custody
from ca_service.custody.generation import GeneratedKey
from ca_service.kernel.errors import UnavailableError
from ca_service.x509.errors import ProfileRefusedError
from ca_service.x509.issuers import sign_certificate

#: pkilint knows URIs of the web and of LDAP only; ours were read strictly when they were decided (RFC 3986).
_LEFT_TO_US = frozenset({"pkix.invalid_uri_syntax"})
_MISSING = (
    "pkilint is not installed on this server; install keywright[lint], or set the profile's lint to fast."
)


def is_installed() -> bool:
    """Tell whether pkilint can be asked."""
    return find_spec("pkilint") is not None


class ThoroughLint:
    """Asks pkilint about certificates."""

    def __init__(self, custody: Custody, is_installed: Callable[[], bool] = is_installed) -> None:
        self._custody = custody
        self._is_installed = is_installed
        self._keys: dict[KeyAlgorithm, GeneratedKey] = {}

    async def verify(self, template: x509.CertificateBuilder, algorithm: KeyAlgorithm) -> None:
        """Refuse a certificate in which pkilint finds an error; `algorithm` is that of its issuer's key.

        Raises ProfileRefusedError, or UnavailableError where pkilint is not installed.
        """
        if not self._is_installed():
            raise UnavailableError(_MISSING)
        key = self._keys.get(algorithm)
        if key is None:
            key = self._keys[algorithm] = await self._custody.generate(algorithm)
        rehearsal = await sign_certificate(template, key.signer(""))
        findings = await asyncio.to_thread(errors_in, rehearsal.public_bytes(Encoding.DER))
        if findings:
            detail = (
                f"pkilint finds {len(findings)} errors in the certificate: {', '.join(findings[:5])}; "
                "mend the profile or the request."
            )
            raise ProfileRefusedError(detail, field="profile", rule="lint-pkilint")


def verify_installed() -> None:
    """Refuse a profile that asks for pkilint where it is missing. Raises ProfileRefusedError."""
    if not is_installed():
        raise ProfileRefusedError(_MISSING, field="lint", rule="profile-lint")


def errors_in(der: bytes) -> list[str]:
    """Return the codes of all errors that pkilint finds, but for what it knows less of than we do.

    The checks are those of its program `lint_pkix_cert` (RFC 5280).
    """
    loader = import_module("pkilint.loader").RFC5280CertificateDocumentLoader()
    error = import_module("pkilint.validation").ValidationFindingSeverity.ERROR
    results = _validator().validate(loader.load_der_document(der, "certificate").root)
    # The worst has the lowest number.
    found = {
        str(described.finding.code)
        for result in results
        for described in result.finding_descriptions
        if described.finding.severity <= error
    }
    return sorted(found - _LEFT_TO_US)


@lru_cache(maxsize=1)
def _validator() -> Any:
    certificate, extension, name = (
        import_module(f"pkilint.pkix.{part}") for part in ("certificate", "extension", "name")
    )
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )
