"""dns-01: the digest of the key authorization in a TXT record below the name (RFC 8555 section 8.4)."""

from typing import Protocol

from acme.challenges import Challenge, ChallengeType, digest_of
from acme.errors import ValidationError
from acme.identifiers import Identifier
from acme.validation.failures import failure_of
from ca_service.egress.errors import EgressError, NameNotFoundError

LABEL = "_acme-challenge"
_SHOWN = 60


class TextLookup(Protocol):
    """Looks TXT records up through the one egress, aliases followed."""

    async def texts(self, name: str) -> tuple[bytes, ...]:
        """Return the TXT records of a name, the strings of each joined. Raises EgressError."""


class Dns01:
    """Validates dns-01; any one of several records may match, as a name and its wildcard need two."""

    type = ChallengeType.DNS_01

    def __init__(self, outside: TextLookup) -> None:
        self._outside = outside

    def is_offered_for(self, identifier: Identifier) -> bool:
        return identifier.type == "dns"

    async def validate(self, challenge: Challenge) -> None:
        name = f"{LABEL}.{challenge.identifier.value}"
        try:
            records = await self._outside.texts(name)
        except NameNotFoundError as error:
            raise ValidationError("unauthorized", f"There is no TXT record at {name}.") from error
        except EgressError as error:
            raise failure_of(error) from error
        if challenge.key_authorization is None:
            raise ValidationError("unauthorized", "The challenge has not been answered.")
        if digest_of(challenge.key_authorization).encode("ascii") in records:
            return
        shown = ascii(records[0][:_SHOWN])[1:] if records else "nothing"
        raise ValidationError(
            "unauthorized",
            f"None of the {len(records)} TXT records at {name} is this challenge's; the first is {shown}.",
        )
