"""The CRL that an authority has from its first moment: empty, so that nobody asks in vain."""

from datetime import datetime

from cryptography import x509

from ca_service.custody.signers import Signer
from ca_service.x509.revocation import next_update, sign_revocation_list
from ca_service.x509.storage.revocation_lists import RevocationListFacts


async def first_list(certificate: x509.Certificate, signer: Signer, now: datetime) -> RevocationListFacts:
    """Return the first CRL of an authority, signed."""
    identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    number = int(now.timestamp())
    der = await sign_revocation_list(
        certificate.subject,
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
        signer,
        number,
        now,
        [],
    )
    return RevocationListFacts(number, der, now, next_update(now), is_behind=False)
