"""Lets the prepared successor of an authority take over: nothing is signed, two rows change names.

Profiles and directories name authorities by name, so that one commit switches everything that issues. The
authority before keeps its id and its addresses, and publishes CRL and OCSP for what it issued.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.errors import UniqueViolationError
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared
from ca_service.kernel.errors import ConflictError
from ca_service.policy.values import Grant
from ca_service.x509.accesses import authority_access
from ca_service.x509.authorities import Authority, AuthorityStatus
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.handlers.authority_records import write_changes
from ca_service.x509.handlers.create_authority import name_taken
from ca_service.x509.handlers.read_authorities import described_in, wanted_authority
from ca_service.x509.operations import DescribedAuthority, SwitchAuthority
from ca_service.x509.resource_names import parse_resource_name
from ca_service.x509.storage.authorities import find_successor
from ca_service.x509.succession import former_name, stepped_back


class SwitchDraft(Struct, frozen=True):
    """The two authorities as they will be."""

    stepping_back: Authority
    successor: Authority
    answer: DescribedAuthority


class SwitchAuthorityHandler(
    Handler[SwitchAuthority, tuple[Authority, str], SwitchDraft, DescribedAuthority]
):
    """Lets a prepared successor take over."""

    def __init__(self, catalogue: Catalogue, database: Database) -> None:
        self._catalogue = catalogue
        self._database = database

    async def prepare(self, call: Call, operation: SwitchAuthority) -> Prepared[tuple[Authority, str]]:
        """Find the authority and ask whether the caller may."""
        former = await wanted_authority(self._catalogue, call.home, operation.name)
        name = parse_resource_name(operation.former or former_name(former), field="former")
        details = {"name": former.name, "former": name}
        return Prepared((former, name), (authority_access(operation.action, former),), details)

    async def sign(self, call: Call, draft: tuple[Authority, str], grant: Grant) -> SwitchDraft:
        """Find the successor: nothing is signed."""
        del grant
        former, name = draft
        successor = await find_successor(self._database, self._catalogue.authority_mac, former)
        if successor is None:
            detail = f"No successor of {former.name} is prepared; make one with POST …/rollover."
            raise ConflictError(detail, field="name", rule="rollover-missing")
        if successor.is_pending:
            detail = f"The successor {successor.name} waits for its certificate; import it (POST …/import)."
            raise ConflictError(detail, field="name", rule="authority-pending")
        if call.now > successor.not_after:
            detail = f"The certificate of {successor.name} has ended; renew it first."
            raise ConflictError(detail, field="name", rule="authority-ended")
        back = stepped_back(former, name)
        taking_over: Authority = msgspec.structs.replace(
            successor, name=former.name, status=AuthorityStatus.ACTIVE, version=successor.version + 1
        )
        answer = await described_in(self._catalogue, taking_over, renamed=back)
        return SwitchDraft(back, taking_over, answer)

    async def record(self, transaction: Transaction, call: Call, signed: SwitchDraft) -> DescribedAuthority:
        """Rename both, each over the version it was read at."""
        del call
        try:
            await write_changes(transaction, self._catalogue, (signed.stepping_back, signed.successor))
        except UniqueViolationError as error:
            raise name_taken("authority", "former") from error
        return signed.answer

    def details(self, answer: DescribedAuthority) -> Mapping[str, Any]:
        """Return which authority issues now."""
        return {"authority": answer.authority.id}
