"""What is looked at again when an order is finalized long after its names were proved.

CAA records count for 8 hours (CA/Browser Forum Baseline Requirements 3.2.2.8); the owner may have changed
them since.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from acme.authorizations import Authorization
from acme.directories import CaaMode, Directory
from acme.errors import CaaForbidsError, IdentifierFault
from acme.identifiers import Identifier
from acme.validation.caa import CaaVerdict

_GOOD_FOR = timedelta(hours=8)


class CaaLookup(Protocol):
    """Asks the owner of a domain; `acme.validation.caa.CaaCheck` does."""

    async def check_caa(
        self, directory: Directory, identifier: Identifier, is_wildcard: bool, account: str, method: str
    ) -> CaaVerdict:
        """Return whether an account may have a certificate for what it proved."""


class ProofRecheck:
    """Looks whether the world still permits what was proved."""

    def __init__(self, caa: CaaLookup) -> None:
        self._caa = caa

    async def verify(
        self, directory: Directory, authorizations: Sequence[Authorization], now: datetime
    ) -> None:
        """Return if a certificate may be issued on these proofs. Raises CaaForbidsError."""
        if directory.rules.caa is CaaMode.OFF:
            return
        old = [each for each in authorizations if _is_old(each, now)]
        verdicts = await asyncio.gather(*(self._ask(directory, each) for each in old))
        faults = tuple(
            IdentifierFault(each.ordered.type, each.ordered.value, verdict.detail)
            for each, verdict in zip(old, verdicts, strict=True)
            if not verdict.is_permitted
        )
        if faults:
            more = f" {len(faults) - 1} further names are refused too." if len(faults) > 1 else ""
            stays = "The order stays ready: finalize it again once they permit it."
            raise CaaForbidsError(f"{faults[0].detail}{more} {stays}", faults)

    async def _ask(self, directory: Directory, authorization: Authorization) -> CaaVerdict:
        proof = authorization.proof
        assert proof is not None, "a ready order rests on proofs"
        return await self._caa.check_caa(
            directory,
            authorization.identifier,
            authorization.is_wildcard,
            authorization.account,
            proof.type.value,
        )


def _is_old(authorization: Authorization, now: datetime) -> bool:
    proof = authorization.proof
    return proof is None or proof.validated_at is None or now - proof.validated_at > _GOOD_FOR
