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
from ssh_ca.accesses import project_access
from ssh_ca.authorities import AuthorityStatus, SshAuthority
from ssh_ca.catalogue import Catalogue
from ssh_ca.encoder import public_key_blob
from ssh_ca.errors import NameTakenError
from ssh_ca.operations import CreateSshAuthority
from ssh_ca.public_keys import fingerprint_of
from ssh_ca.storage.authorities import insert_authority
from ssh_ca.storage.revocation_lists import prepare_revocation_list


class NewAuthority(Struct, frozen=True):
    """An authority that was made and is not yet kept."""

    authority: SshAuthority
    key: SealedKey


class CreateAuthorityHandler(Handler[CreateSshAuthority, CreateSshAuthority, NewAuthority, SshAuthority]):
    """Makes one authority with a key of its own."""

    def __init__(self, catalogue: Catalogue, custody: Custody, identifiers: Identifiers) -> None:
        self._catalogue = catalogue
        self._custody = custody
        self._identifiers = identifiers

    async def prepare(self, call: Call, operation: CreateSshAuthority) -> Prepared[CreateSshAuthority]:
        """Read the name and ask whether the caller may."""
        parse_slug(operation.name, field="name")
        details = {"name": operation.name, "type": operation.type.value}
        return Prepared(operation, (project_access(operation.action, call.home),), details)

    async def sign(self, call: Call, draft: CreateSshAuthority, grant: Grant) -> NewAuthority:
        """Make and seal the key."""
        del grant
        generated = await self._custody.generate(draft.key_algorithm)
        sealed_key = await self._custody.seal_key(call.home, generated)
        authority = SshAuthority(
            id=self._identifiers.new("sca"),
            tenant=call.home,
            name=draft.name,
            type=draft.type,
            key_id=sealed_key.id,
            key_algorithm=draft.key_algorithm,
            public_key=public_key_blob(generated.public_key),
            status=AuthorityStatus.ACTIVE,
            created_at=call.now,
            version=1,
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
