"""Makes SSH authorities."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ca_service.custody.custody import Custody, SealedKey
from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.governance.slugs import parse_slug
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import Grant
from ssh_ca.accesses import authority_access, project_access
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.drafts import KEY_TYPES_MADE
from ssh_ca.errors import AuthorityRefusedError, NameTakenError, PublicKeyRefusedError
from ssh_ca.operations import CreateSshAuthority
from ssh_ca.public_keys import fingerprint_of
from ssh_ca.signatures import public_key_blob
from ssh_ca.storage.authorities import insert_authority
from ssh_ca.storage.revocation_lists import prepare_revocation_list


class AuthorityDraft(Struct, frozen=True):
    """What to make, and the authority it follows."""

    operation: CreateSshAuthority
    former: SshAuthority | None


class NewAuthority(Struct, frozen=True):
    """An authority that was made and is not yet kept."""

    authority: SshAuthority
    key: SealedKey


class CreateAuthorityHandler(Handler[CreateSshAuthority, AuthorityDraft, NewAuthority, SshAuthority]):
    """Makes one authority with a key of its own."""

    def __init__(self, catalogue: Catalogue, custody: Custody, identifiers: Identifiers) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateSshAuthority) -> Prepared[AuthorityDraft]:
        """Read the name and ask whether the caller may."""
        parse_slug(operation.name, field="name")
        if operation.key_algorithm not in KEY_TYPES_MADE:
            detail = f"SSH knows no keys of {operation.key_algorithm}; use ED25519, EC or RSA."
            raise PublicKeyRefusedError(detail, field="key_algorithm", rule="key-algorithm")
        accesses = [project_access(operation.action, call.home)]
        details = {
            "name": operation.name,
            "type": operation.type.value,
            "key_store": operation.key_store,
        }
        former = None
        if operation.succeeds is not None:
            former = await self._catalogue.authority(call.home, operation.succeeds)
            accesses.append(authority_access(operation.action, former))
            details["succeeds"] = former.name
        return Prepared(AuthorityDraft(operation, former), tuple(accesses), details)

    async def sign(self, call: Call, draft: AuthorityDraft, grant: Grant) -> NewAuthority:
        """Make and seal the key."""
        del grant
        operation, former = draft.operation, draft.former
        if former is not None and former.type is not operation.type:
            raise AuthorityRefusedError(
                f"The authority {former.name} signs {former.type.value}s; its successor does too.",
                field="type",
                rule="authority-type",
            )
        generated = await self._custody.generate(operation.key_algorithm, store=operation.key_store)
        sealed_key = await self._custody.seal_key(call.home, generated)
        authority = SshAuthority(
            id=self._identifiers.new("sca"),
            tenant=call.home,
            name=operation.name,
            type=operation.type,
            key_id=sealed_key.id,
            key_algorithm=operation.key_algorithm,
            public_key=public_key_blob(generated.public_key),
            status=AuthorityStatus.ACTIVE if former is None else AuthorityStatus.PUBLISHED,
            created_at=call.now,
            version=1,
            succeeds=None if former is None else former.id,
            status_since=call.now,
        )
        return NewAuthority(authority, sealed_key)

    async def record(self, transaction: Transaction, call: Call, signed: NewAuthority) -> SshAuthority:
        """Keep key and authority together."""
        del call
        await self._custody.keep(transaction, signed.key)
        try:
            await insert_authority(transaction, self._catalogue.authority_mac, signed.authority)
        except UniqueViolationError as error:
            raise name_taken("authority") from error
        prepare_revocation_list(transaction, signed.authority.tenant)
        await self._catalogue.announce_change(transaction)
        return signed.authority

    def details(self, answer: SshAuthority) -> Mapping[str, Any]:
        """Return which authority it became."""
        return {"authority": answer.id, "public_key": fingerprint_of(answer.public_key)}


def name_taken(noun: str) -> NameTakenError:
    """Return the error for a name that another of the kind has."""
    return NameTakenError(
        f"This project has another SSH {noun} of that name; choose another name.",
        field="name",
        rule="name-taken",
    )
