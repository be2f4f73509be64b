"""http-01: the key authorization under a well-known path of the host (RFC 8555 section 8.3)."""

from typing import Protocol

from acme.challenges import Challenge, ChallengeType
from acme.errors import ValidationError
from acme.identifiers import Identifier
from acme.validation.failures import failure_of
from ca_service.egress.errors import EgressError
from ca_service.egress.http_challenge import ChallengeAnswer

PATH = "/.well-known/acme-challenge/"


class ChallengeFetch(Protocol):
    """Fetches a challenge's answer through the one egress, which checks every address and redirect."""

    async def fetch(self, host: str, path: str) -> ChallengeAnswer:
        """Return the bounded body of a 200 answer. Raises EgressError."""


class Http01:
    """Validates http-01."""

    type = ChallengeType.HTTP_01

    def __init__(self, outside: ChallengeFetch) -> None:
        self._outside = outside

    def is_offered_for(self, identifier: Identifier) -> bool:
        return identifier.type == "dns" and not identifier.is_wildcard

    async def validate(self, challenge: Challenge) -> None:
        try:
            answer = await self._outside.fetch(challenge.identifier.value, PATH + challenge.token)
        except EgressError as error:
            raise failure_of(error) from error
        expected = (challenge.key_authorization or "").encode("ascii")
        # RFC 8555 section 8.3: the server ignores whitespace at the end, and nothing else.
        if expected and answer.body.rstrip() == expected:
            return
        # `shown` is empty where another host answered (S3).
        shown = f': "{answer.shown}"' if answer.shown else ""
        raise ValidationError(
            "unauthorized",
            f"{answer.host} ({answer.address}, port {answer.port}) answered something other than the key "
            f"authorization of this account{shown}. Check which client and which account serve it.",
        )
