"""What handlers of authorities have in common: what is decided, what is signed, what is written down."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID
from msgspec import Struct

from ca_service.custody.signers import Signer
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.accesses import owner_of
from ca_service.x509.authorities import (
    AUTHORITY_PROFILE,
    ISSUING_LIFETIME,
    ROOT_LIFETIME,
    Authority,
    AuthorityStatus,
)
from ca_service.x509.authority_constraints import AuthorityConstraints, wanted_constraints
from ca_service.x509.authority_template import (
    AuthorityDraft,
    authority_template,
    verify_authority_artefact,
)
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.certificates import Certificate, serial_text
from ca_service.x509.errors import ChangedMeanwhileError, ProfileRefusedError
from ca_service.x509.issuers import Issuer, sign_certificate
from ca_service.x509.operations.authorities import AuthorityLimits
from ca_service.x509.public_keys import parse_key_algorithm
from ca_service.x509.serial_numbers import new_serial_number
from ca_service.x509.storage.authorities import confirm_authority, list_authorities, update_authority
from ca_service.x509.storage.certificates import insert_own
from ca_service.x509.validity import Validity, validity_between, validity_from


class SignedByUs(Struct, frozen=True):
    """A certificate of an authority that was signed and verified: `row` is how the inventory keeps it.

    A root's own certificate stands in no inventory: nobody above could revoke it.
    """

    der: bytes
    parsed: x509.Certificate
    row: Certificate | None


async def wanted_parent(
    catalogue: Catalogue,
    tenant: Tenant,
    name: str,
    *,
    field: str = "parent",
    also: AuthorityStatus = AuthorityStatus.ACTIVE,
) -> Issuer:
    """Return an active authority of the project, or one of the status `also`. Raises ProfileRefusedError."""
    parent = await catalogue.authority(tenant, name)
    if parent is None or parent.status not in {AuthorityStatus.ACTIVE, also}:
        detail = "That is no active authority of this project; list them with GET …/x509/authorities."
        raise ProfileRefusedError(detail, field=field, rule="authority-parent")
    return await catalogue.issuer(parent)


def decided_validity(
    now: datetime, ttl: timedelta | None, not_after: datetime | None, issuer: Issuer | None
) -> Validity:
    """Return the ends of an authority's certificate: asked for, or the longest, clamped to its issuer's.

    Raises ProfileRefusedError for what is beyond the longest, or an exact end beyond the issuer's.
    """
    longest = ROOT_LIFETIME if issuer is None else ISSUING_LIFETIME
    if ttl is not None and not_after is not None:
        detail = "Give ttl or not_after, not both."
        raise ProfileRefusedError(detail, field="not_after", rule="ttl-exclusive")
    asked = longest if ttl is None else ttl
    if asked > longest or (not_after is not None and not_after - now > longest):
        detail = f"Such an authority lives at most {longest.days} days; ask for less or leave it out."
        field = "ttl" if not_after is None else "not_after"
        raise ProfileRefusedError(detail, field=field, rule="authority-max-ttl")
    if issuer is None:
        bound = Validity(datetime.min.replace(tzinfo=now.tzinfo), now + longest)
    else:
        bound = issuer.validity
    ends = validity_from(now, asked, bound)
    if not_after is None:
        return ends
    if not_after <= now:
        detail = "That end has passed; ask for one to come, or leave it out."
        raise ProfileRefusedError(detail, field="not_after", rule="validity-empty")
    return validity_between(ends, None, not_after, now=now, issuer=bound)


def decided_constraints(limits: AuthorityLimits, issuer: Issuer | None) -> AuthorityConstraints:
    """Return what an authority will be limited to, inside what its issuer may sign.

    Left out, the path length is none for a root and 0 for others, and the purposes are the issuer's.
    """
    asked = wanted_constraints(
        limits.path_length, limits.permitted_names, limits.excluded_names, limits.extended_key_usages
    )
    if issuer is None:
        return asked
    if asked.path_length is None:
        asked = msgspec.structs.replace(asked, path_length=0)
    if not asked.purposes:
        asked = msgspec.structs.replace(asked, purposes=issuer.links.inherited_purposes)
    issuer.links.verify_child(asked)
    return asked


class AuthorityPress:
    """Signs certificates of authorities and makes the rows of them."""

    def __init__(self, identifiers: Identifiers, randomness: Randomness) -> None:
        self.identifiers = identifiers
        self.randomness = randomness

    def serial_number(self) -> int:
        """Return a new serial number."""
        return new_serial_number(self.randomness)

    async def sign(self, call: Call, draft: AuthorityDraft, own: Signer | None = None) -> SignedByUs:
        """Sign with the issuer's key, or a root with its `own`, and read what was signed again (S7)."""
        issuer = draft.issuer
        signer = own if issuer is None else issuer.signer
        assert signer is not None, "a root is signed by itself"
        certificate = await sign_certificate(authority_template(draft), signer)
        der = verify_authority_artefact(certificate, draft)
        row = None if issuer is None else self._row(call, draft, der, issuer)
        return SignedByUs(der, certificate, row)

    def _row(self, call: Call, draft: AuthorityDraft, der: bytes, issuer: Issuer) -> Certificate:
        return Certificate(
            id=self.identifiers.new("crt"),
            tenant=call.home,
            authority_id=issuer.authority.id,
            authority=issuer.authority.name,
            profile=AUTHORITY_PROFILE,
            serial_number=serial_text(draft.serial_number),
            common_name=common_name_of(draft.subject),
            names=(),
            key_algorithm=parse_key_algorithm(draft.public_key),
            has_server_made_key=False,
            der=der,
            not_before=draft.validity.not_before,
            not_after=draft.validity.not_after,
            owner=owner_of(call.caller),
            requested_ttl_seconds=int((draft.validity.not_after - call.now).total_seconds()) + 1,
            created_at=call.now,
        )


def common_name_of(name: x509.Name) -> str | None:
    """Return the common name of a subject, if it has one."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else None


async def keep_signed(
    transaction: Transaction, catalogue: Catalogue, signed: SignedByUs, issuer: Issuer | None
) -> None:
    """Put a certificate into the inventory, if its issuer is still the one that was decided on."""
    if issuer is not None and not await confirm_authority(transaction, issuer.authority):
        raise changed_meanwhile(catalogue)
    if signed.row is not None:
        await insert_own(transaction, signed.row)


async def write_changes(transaction: Transaction, catalogue: Catalogue, changed: Iterable[Authority]) -> None:
    """Write authorities over the versions they were read at, and have everybody read them anew."""
    for authority in changed:
        if not await update_authority(transaction, catalogue.authority_mac, authority):
            raise changed_meanwhile(catalogue)
    announce(transaction, catalogue)


def announce(transaction: Transaction, catalogue: Catalogue) -> None:
    """Have this and all other processes read authorities anew after the commit."""
    transaction.announce()
    transaction.on_commit(catalogue.forget)


def changed_meanwhile(catalogue: Catalogue) -> ChangedMeanwhileError:
    """Return the error for an authority that is no longer what was decided on."""
    catalogue.forget()
    return ChangedMeanwhileError("Another request changed the authority at the same time; try again.")


class Bystanders:
    """Finds the authorities whose chains change when one of them does: a chain belongs to one version."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def touched(self, authority: Authority) -> tuple[Authority, ...]:
        """Return an authority and every one below it, each as its next version."""
        return (_next_version(authority), *await self.below(authority))

    async def below(self, authority: Authority) -> tuple[Authority, ...]:
        """Return every authority with a chain that leads over this one, each as its next version."""
        mac = self._catalogue.authority_mac
        every = await list_authorities(self._database, mac, authority.tenant)
        above: dict[str, set[str]] = {}
        for one in every:
            crosses = await self._catalogue.cross_certificates(one)
            above[one.id] = {issuer for issuer in (one.parent, *(c.issuer for c in crosses)) if issuer}
        reached = _reached(authority.id, above)
        return tuple(_next_version(one) for one in every if one.id in reached)


def _next_version(authority: Authority) -> Authority:
    changed: Authority = msgspec.structs.replace(authority, version=authority.version + 1)
    return changed


def _reached(authority_id: str, above: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [authority_id]
    while waiting:
        issuer = waiting.pop()
        for one, issuers in above.items():
            if issuer in issuers and one not in reached and one != authority_id:
                reached.add(one)
                waiting.append(one)
    return reached
