"""What the certificate of an authority looks like (RFC 5280 sections 4.2.1.3 and 4.2.1.9)."""

from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.custody.withheld_keys import PublicKey
from ca_service.x509.issuers import Issuer
from ca_service.x509.validity import Validity


def authority_template(
    public_key: PublicKey,
    common_name: str | None,
    label: str,
    serial_number: int,
    validity: Validity,
    issuer: Issuer | None,
) -> x509.CertificateBuilder:
    """Return the certificate of an authority, ready to be signed by `issuer`, or by itself if that is None.

    A root has no path length of its own; what it signs has 0 and signs leaves only. Left out, the common name
    is made of `label` and the key's identifier, so that no two authorities share a name.
    """
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Keywright"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name or f"{label} {identifier.digest.hex()[:8]}"),
        ]
    )
    constraints = x509.BasicConstraints(ca=True, path_length=None if issuer is None else 0)
    values: list[x509.Extension[x509.ExtensionType]] = [
        x509.Extension(constraints.oid, critical=True, value=constraints),
        x509.Extension(_USAGE.oid, critical=True, value=_USAGE),
        x509.Extension(identifier.oid, critical=False, value=identifier),
    ]
    if issuer is None:
        own = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        values.append(x509.Extension(own.oid, critical=False, value=own))
    else:
        values.extend(issuer.extensions)
    return x509.CertificateBuilder(
        issuer_name=name if issuer is None else issuer.name,
        subject_name=name,
        public_key=public_key,
        serial_number=serial_number,
        not_valid_before=validity.not_before.replace(tzinfo=None),
        not_valid_after=validity.not_after.replace(tzinfo=None),
        extensions=values,
    )


#: OCSP answers are neither certificates nor CRLs: the first bit is for them (RFC 5280 section 4.2.1.3).
_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
