"""The certificate of our own TLS listener: housekeeping, around the gate, but in the inventory and the trail.

It is for the server itself, so no caller is asked and no profile can bend it. Its key lives in memory only.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from ca_service.audit.entries import AuditEntry, AuditOutcome
from ca_service.audit.trail import AuditTrail
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.principals import cedar_name
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import Name, NameKind, NameRefusedError, parse_dns_name, parse_ip_address
from ca_service.policy.sets import SERVER
from ca_service.policy.values import Entity
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate, serial_text
from ca_service.x509.issuers import Issuer, PublicAddresses, pem_of, sign_certificate
from ca_service.x509.profiles import DEFAULT_TTL, Purpose
from ca_service.x509.serial_numbers import new_serial_number
from ca_service.x509.storage.certificates import insert_own
from ca_service.x509.template import Subject, leaf_template, verify_artefact
from ca_service.x509.usages import Usages
from ca_service.x509.validity import validity_from

#: What stands in the inventory where other certificates have the name of their profile.
PROFILE = "listener"
ALWAYS = (Name(NameKind.DNS, "localhost"), Name(NameKind.IP, "127.0.0.1"), Name(NameKind.IP, "::1"))


class ListenerCertificate(Struct, frozen=True, kw_only=True):
    """A certificate for the listener: leaf and chain in one PEM, and its key. Due at `renew_at`."""

    id: str
    serial_number: str
    chain_pem: str
    private_key: SecretValue[str]
    not_after: datetime
    renew_at: datetime


async def issue_listener_certificate(
    *,
    database: Database,
    custody: Custody,
    audit: AuditTrail,
    identifiers: Identifiers,
    randomness: Randomness,
    tenant: Tenant,
    public_url: str,
    plain_public_url: str,
    authority: str = "issuing",
    lifetime: timedelta = DEFAULT_TTL,
) -> ListenerCertificate:
    """Issue a certificate for `localhost`, the loopback addresses and the public URL's host.

    Raises NotFoundError if the authority does not exist. Due again at two thirds of its life.
    """
    catalogue = Catalogue(database, custody, PublicAddresses(plain_public_url))
    found = await catalogue.authority(tenant, authority)
    if found is None:
        raise NotFoundError("authority")
    issuer = await catalogue.issuer(found)
    # While time is in doubt (S23), clients would not believe a certificate from a time to come.
    now = database.clock_reading()
    names = listener_names(public_url)
    key = await custody.generate(KeyAlgorithm.EC_P256)
    subject = Subject(
        common_name=names[0].value,
        names=names,
        usages=Usages(purposes=(Purpose.SERVER,)),
        key_algorithm=KeyAlgorithm.EC_P256,
    )
    validity = validity_from(now, lifetime, issuer.validity)
    serial_number = new_serial_number(randomness)
    signed = await sign_certificate(
        leaf_template(issuer, subject, key.public_key, serial_number, validity), issuer.signer
    )
    der = signed.public_bytes(serialization.Encoding.DER)
    verify_artefact(der, subject, serial_number, validity)
    certificate = Certificate(
        id=identifiers.new("crt"),
        tenant=tenant,
        authority_id=found.id,
        authority=found.name,
        profile=PROFILE,
        serial_number=serial_text(serial_number),
        common_name=subject.common_name,
        names=names,
        key_algorithm=subject.key_algorithm,
        has_server_made_key=True,
        der=der,
        not_before=validity.not_before,
        not_after=validity.not_after,
        owner=cedar_name(SERVER),
        requested_ttl_seconds=int(lifetime.total_seconds()),
        created_at=now,
    )
    await _keep(database, audit, identifiers, certificate, issuer)
    return ListenerCertificate(
        id=certificate.id,
        serial_number=certificate.serial_number,
        chain_pem=pem_of(der) + "".join(issuer.chain_pem),
        private_key=key.pkcs8_pem(),
        not_after=validity.not_after,
        renew_at=now + (validity.not_after - now) * 2 / 3,
    )


def listener_names(public_url: str) -> tuple[Name, ...]:
    """Return the names of the listener, the public URL's host first."""
    host = urlsplit(public_url).hostname or ""
    for parse in (parse_ip_address, parse_dns_name):
        try:
            return tuple(dict.fromkeys((parse(host), *ALWAYS)))
        except NameRefusedError:
            continue
    return ALWAYS


async def trust_anchor(database: Database, custody: Custody) -> str:
    """Return the instance's roots in PEM, the first one first, for `DATA/root-ca.pem`.

    Raises NotFoundError before first start.
    """
    roots = await Catalogue(database, custody, PublicAddresses("")).trust_anchors()
    if not roots:
        raise NotFoundError("root")
    return "".join(pem_of(root.certificate_der) for root in roots)


async def _keep(
    database: Database,
    audit: AuditTrail,
    identifiers: Identifiers,
    certificate: Certificate,
    issuer: Issuer,
) -> None:
    async def work(transaction: Transaction) -> None:
        await insert_own(transaction, certificate)
        await audit.record(
            transaction,
            AuditEntry(
                id=identifiers.new("aud"),
                at=transaction.now,
                organization=certificate.tenant.organization,
                project=certificate.tenant.project,
                caller=cedar_name(SERVER),
                action="x509:issue",
                resource=cedar_name(Entity("Authority", issuer.authority.id)),
                outcome=AuditOutcome.DONE,
                reason="housekeeping: the certificate of this server's own listener",
                request_id="",
                address="",
                details={
                    "certificate": certificate.id,
                    "serial_number": certificate.serial_number,
                    "names": [name.value for name in certificate.names],
                    "profile": certificate.profile,
                },
            ),
        )

    await database.begin(work)
