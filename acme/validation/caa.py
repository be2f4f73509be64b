"""CAA: whether a domain's owner lets this authority issue for it (RFC 8659), this account and this method
(RFC 8657).

Checked when a challenge is validated, and again at finalize where the proof is older than 8 hours.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from acme.directories import CaaMode, Directory
from acme.identifiers import DNS, Identifier
from acme.validation.caa_policy import Applicant, refusal
from acme.validation.port import Outside, World
from ca_service.egress.errors import EgressError
from ca_service.egress.records import CaaRecord

_LOG = logging.getLogger("keywright.acme")

PROBLEM = "caa"

#: Every URL under which an account is known: (directory, account id) → URLs.
AccountUrls = Callable[[Directory, str], Collection[str]]


class CaaVerdict(Struct, frozen=True):
    """Whether to go on; a refusal says why, for problem type `caa`.

    `is_transient` says that DNS failed, so that another attempt may succeed.
    """

    is_permitted: bool
    detail: str = ""
    is_transient: bool = False


class CaaCheck:
    """Asks DNS and decides by the directory's mode: `off` asks nothing, `log` refuses nothing.

    In `enforce`, DNS that fails refuses: nobody can tell then what the owner wants.
    """

    def __init__(self, world: World, account_urls: AccountUrls) -> None:
        self._world = world
        self._account_urls = account_urls

    async def check_caa(
        self, directory: Directory, identifier: Identifier, is_wildcard: bool, account: str, method: str
    ) -> CaaVerdict:
        """Return whether `account` (its id) may have a certificate for an identifier it proved by `method`.

        `identifier` is an authorization's: the base name, of a wildcard if `is_wildcard`. Addresses have no
        CAA records and are permitted.
        """
        rules = directory.rules
        if rules.caa is CaaMode.OFF or identifier.type != DNS:
            return CaaVerdict(is_permitted=True)
        applicant = Applicant(
            rules.caa_identities, self._account_urls(directory, account), method, is_wildcard
        )
        verdict = await _judge(self._world.validation(rules.resolvers), identifier.base.value, applicant)
        if verdict.is_permitted or rules.caa is CaaMode.ENFORCE:
            return verdict
        _LOG.warning("CAA would refuse (mode log) in directory %s: %s", directory.slug, verdict.detail)
        return CaaVerdict(is_permitted=True, detail=verdict.detail)


async def _judge(outside: Outside, name: str, applicant: Applicant) -> CaaVerdict:
    try:
        owner, records = await _relevant_records(outside, name)
    except EgressError as error:
        detail = f"The CAA records of {name} could not be read, so nothing may be issued. {error.detail}"
        return CaaVerdict(is_permitted=False, detail=detail, is_transient=True)
    reason = refusal(records, applicant)
    if reason is None:
        return CaaVerdict(is_permitted=True)
    shown = f"*.{name}" if applicant.is_wildcard else name
    return CaaVerdict(is_permitted=False, detail=f"The CAA records of {owner} forbid {shown}: {reason}.")


async def _relevant_records(outside: Outside, name: str) -> tuple[str, Sequence[CaaRecord]]:
    """Return the records of the closest name that has any, from the name up to its top-level domain.

    All are asked at once; a failure counts only below the records that were found (RFC 8659 section 3).
    """
    labels = name.split(".")
    names = [".".join(labels[depth:]) for depth in range(len(labels))]
    answers = await asyncio.gather(*map(outside.caa, names), return_exceptions=True)
    for owner, answer in zip(names, answers, strict=True):
        if isinstance(answer, BaseException):
            raise answer
        if answer:
            return owner, answer
    return name, ()
