"""The ports of validation: a validator for each challenge, and what it may do outside."""

from typing import Protocol

from acme.challenges import Challenge, ChallengeType
from ca_service.egress.http_challenge import ChallengeAnswer
from ca_service.egress.records import CaaRecord, TextRecords
from ca_service.egress.tls_handshake import HandshakeAnswer


class Outside(Protocol):
    """The one egress, as validations see it: bounded in time and bytes, every address checked (S4).

    Everything raises EgressError.
    """

    async def fetch(self, host: str, path: str) -> ChallengeAnswer:
        """Return the bounded body of a 200 answer on the port of http-01, redirects followed."""

    async def texts(self, name: str) -> TextRecords:
        """Return the TXT records of a name, aliases followed."""

    async def caa(self, name: str) -> tuple[CaaRecord, ...]:
        """Return the CAA records of a name, aliases followed; none if there are none."""

    async def shake_hands(self, host: str, server_name: str, protocol: str) -> HandshakeAnswer:
        """Return what a host shows in a TLS handshake on the port of tls-alpn-01."""


class World(Protocol):
    """Where the outside comes from."""

    def validation(self, resolvers: tuple[str, ...] = ()) -> Outside:
        """Return the outside as these name servers show it; without any, as our own do."""


class Validator(Protocol):
    """Looks at the world and says whether one kind of challenge is met."""

    @property
    def type(self) -> ChallengeType:
        """Return the challenge that this validates."""

    async def validate(self, challenge: Challenge, outside: Outside) -> None:
        """Return if the challenge is met. Raises acme.errors.ValidationError."""
