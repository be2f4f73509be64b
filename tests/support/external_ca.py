"""A certificate authority elsewhere, which makes what ours is to import, right or wrong in one thing."""

import datetime as dt
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SHA256 = hashes.SHA256()
_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": True,
    "crl_sign": True,
    "encipher_only": False,
    "decipher_only": False,
}


def named(text: str) -> x509.Name:
    """Return a name with a common name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class ExternalCa:
    """An authority outside: a root, or below another one."""

    def __init__(self, name: str, now: dt.datetime, above: "ExternalCa | None" = None, **wrong: Any) -> None:
        self.now = now
        self.name = named(name)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.above = above
        issuer = above or self
        self.certificate = issuer.certify(self.key.public_key(), self.name, **wrong)

    @property
    def pem(self) -> str:
        """Return its certificate."""
        return pem(self.certificate)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Return its certificate and those above it in DER."""
        own = self.certificate.public_bytes(serialization.Encoding.DER)
        return (own, *(self.above.chain if self.above else ()))

    def certify(
        self,
        public_key: Any,
        subject: x509.Name,
        *,
        days: tuple[float, float] = (-1, 1000),
        path_length: int | None = None,
        ca: bool = True,
        basic: bool = True,
        basic_critical: bool = True,
        usage: dict[str, bool] | None = None,
        identifier: bytes | None = None,
        has_identifier: bool = True,
        further: tuple[tuple[x509.ExtensionType, bool], ...] = (),
        issuer: x509.Name | None = None,
        algorithm: Any = _SHA256,
    ) -> x509.Certificate:
        """Sign a certificate of an authority."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now + dt.timedelta(days=days[0]))
            .not_valid_after(self.now + dt.timedelta(days=days[1]))
            .add_extension(x509.KeyUsage(**_USAGE | (usage or {})), critical=True)
        )
        if basic:
            value = x509.BasicConstraints(ca=ca, path_length=path_length if ca else None)
            builder = builder.add_extension(value, critical=basic_critical)
        if has_identifier:
            found = x509.SubjectKeyIdentifier.from_public_key(public_key)
            builder = builder.add_extension(
                x509.SubjectKeyIdentifier(identifier or found.digest), critical=False
            )
        for extension, critical in further:
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.key, algorithm)

    def answer(self, csr_pem: str, **wrong: Any) -> x509.Certificate:
        """Sign what a request asks for."""
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        fields: dict[str, Any] = {"public_key": csr.public_key(), "subject": csr.subject} | wrong
        return self.certify(fields.pop("public_key"), fields.pop("subject"), **fields)


def pem(certificate: x509.Certificate) -> str:
    """Return a certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def der(certificate: x509.Certificate) -> bytes:
    """Return a certificate in DER."""
    return certificate.public_bytes(serialization.Encoding.DER)
