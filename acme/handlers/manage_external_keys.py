"""Makes, shows and disables the keys of external account binding, for those who manage a directory."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from acme.directories import Directory
from acme.external_accounts import record_name
from acme.external_keys import (
    HMAC_KEY_SIZE,
    MAXIMUM_USES,
    ExternalKey,
    ExternalKeyId,
    ExternalKeyView,
    view_key,
)
from acme.handlers.named_directory import directory_named
from acme.operations import (
    CreateExternalKey,
    DisableExternalKey,
    ExternalKeyPage,
    ListExternalKeys,
    NewExternalKey,
    ReadExternalKey,
)
from acme.resources import directory_access
from acme.storage.external_keys import ExternalKeyRows
from acme.wire import base64url
from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.idempotency import forget_answers
from ca_service.gate.port import Sponsors
from ca_service.identity.errors import SponsorRefusedError
from ca_service.kernel.errors import NotFoundError, UnacceptableError
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Grant

_NOUN = "external account key"


class MintedExternalKey(Struct, frozen=True):
    """A key to be recorded, and its HMAC key to be answered after that."""

    kept: ExternalKey
    hmac_key: SecretValue[str]


class ExternalKeyCreation(Handler[CreateExternalKey, ExternalKey, MintedExternalKey, NewExternalKey]):
    """Makes one key for one identity of the organization."""

    def __init__(
        self,
        database: Database,
        custody: Custody,
        sponsors: Sponsors,
        identifiers: Identifiers,
        randomness: Randomness,
    ) -> None:
        self._database = database
        self._custody = custody
        self._sponsors = sponsors
        self._identifiers = identifiers
        self._randomness = randomness
        self._rows = ExternalKeyRows(custody)

    async def prepare(self, call: Call, operation: CreateExternalKey) -> Prepared[ExternalKey]:
        directory = await directory_named(self._database, call, operation.directory)
        if operation.maximum_uses is not None and not 1 <= operation.maximum_uses <= MAXIMUM_USES:
            raise UnacceptableError(
                f"A key is for 1 to {MAXIMUM_USES} accounts, or for any number: null.",
                field="maximum_uses",
                rule="range",
            )
        draft = ExternalKey(
            id=ExternalKeyId(self._identifiers.new("eab")),
            tenant=call.home,
            directory=directory.id,
            name=operation.name,
            identity=operation.identity,
            sealed_key=b"",
            maximum_uses=operation.maximum_uses,
            uses=0,
            created_at=call.now,
            expires_at=None if operation.ttl is None else call.now + operation.ttl,
        )
        return Prepared(draft, (directory_access(operation.action, directory),), _details(draft))

    async def sign(self, call: Call, draft: ExternalKey, grant: Grant) -> MintedExternalKey:
        del grant
        # Only now may the caller know which identities the organization has.
        await self._verify_identity(call, draft.identity)
        hmac_key = self._randomness.token_bytes(HMAC_KEY_SIZE)
        sealer = await self._custody.sealer(draft.tenant)
        kept = replace(draft, sealed_key=sealer.seal(record_name(draft), hmac_key))
        return MintedExternalKey(kept, SecretValue(base64url.encode(hmac_key)))

    async def record(self, transaction: Transaction, call: Call, signed: MintedExternalKey) -> NewExternalKey:
        del call
        await self._rows.add(transaction, signed.kept)
        return NewExternalKey(signed.kept, signed.hmac_key)

    async def _verify_identity(self, call: Call, identity: str) -> None:
        try:
            sponsor = await self._sponsors.sponsor(identity)
        except SponsorRefusedError as error:
            raise NotFoundError("identity") from error
        if sponsor.organization != call.home.organization:
            raise NotFoundError("identity")
        if sponsor.project not in {None, call.home.project}:
            raise UnacceptableError(
                "This identity belongs to another project and acts only there.",
                field="identity",
                rule="identity-of-project",
            )


class ExternalKeyListing(Reader[ListExternalKeys, ExternalKeyPage]):
    """Lists the keys of one directory."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._rows = ExternalKeyRows(custody)

    async def prepare(self, call: Call, operation: ListExternalKeys) -> Prepared[ExternalKeyPage]:
        directory = await directory_named(self._database, call, operation.directory)
        found = await self._rows.page(
            self._database, directory, after=operation.after or "", most=operation.limit + 1
        )
        page = tuple(view_key(key, call.now) for key in found[: operation.limit])
        next_key = page[-1].key.id if len(found) > operation.limit else None
        return Prepared(ExternalKeyPage(page, next_key), (directory_access(operation.action, directory),))


class ExternalKeyReading(Reader[ReadExternalKey, ExternalKeyView]):
    """Shows one key, without the HMAC key."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._rows = ExternalKeyRows(custody)

    async def prepare(self, call: Call, operation: ReadExternalKey) -> Prepared[ExternalKeyView]:
        directory = await directory_named(self._database, call, operation.directory)
        found = await self._rows.find(self._database, call.home, directory.id, operation.key)
        if found is None:
            raise NotFoundError(_NOUN)
        access = directory_access(operation.action, directory)
        return Prepared(view_key(found, call.now), (access,), _details(found))


class DisablingDraft(Struct, frozen=True):
    """Which key of which directory is to end."""

    directory: Directory
    key: str


class ExternalKeyDisabling(Handler[DisableExternalKey, DisablingDraft, ExternalKey, ExternalKeyView]):
    """Disables one key; one that is disabled stays as it is."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._rows = ExternalKeyRows(custody)

    async def prepare(self, call: Call, operation: DisableExternalKey) -> Prepared[DisablingDraft]:
        directory = await directory_named(self._database, call, operation.directory)
        details = {"external_key": operation.key, "change": "disabled"}
        access = directory_access(operation.action, directory)
        return Prepared(DisablingDraft(directory, operation.key), (access,), details)

    async def sign(self, call: Call, draft: DisablingDraft, grant: Grant) -> ExternalKey:
        del grant
        found = await self._rows.find(self._database, call.home, draft.directory.id, draft.key)
        if found is None:
            raise NotFoundError(_NOUN)
        return found

    async def record(self, transaction: Transaction, call: Call, signed: ExternalKey) -> ExternalKeyView:
        del call

        def disable(current: ExternalKey) -> ExternalKey:
            return replace(current, disabled_at=current.disabled_at or transaction.now)

        await forget_answers(transaction, signed.tenant, signed.id)
        return view_key(await self._rows.change(transaction, signed, disable), transaction.now)


def _details(key: ExternalKey) -> dict[str, Any]:
    return {"external_key": key.id, "name": key.name, "identity": key.identity}
