"""The one way out: names are resolved and connections opened here and nowhere else (S4)."""

from enum import StrEnum

from ca_service.config import ValidationConfig
from ca_service.egress.addresses import AddressTable, parse_networks
from ca_service.egress.connection import Connector, OwnListeners
from ca_service.egress.http_challenge import ChallengeAnswer, ChallengeFetcher
from ca_service.egress.resolver import Resolver
from ca_service.kernel.clock import Clock
from ca_service.kernel.randomness import Randomness

#: How much of a validation's time name resolution may take, so that a dead resolver is named as such.
_SHARE_OF_DNS = 0.6


class EgressClass(StrEnum):
    """What a connection is for; each class has networks of its own."""

    VALIDATION = "validation"
    IDENTITY = "identity"
    NOTIFY = "notify"
    TARGET = "target"


class Egress:
    """Resolves, checks, connects. Raises ConfigError at once for networks and resolvers that are none.

    `own_listeners` is asked at each connection, since port 0 has a number only once it is bound.
    """

    def __init__(
        self,
        validation: ValidationConfig,
        clock: Clock,
        randomness: Randomness,
        own_listeners: OwnListeners = tuple,
    ) -> None:
        validation_table = AddressTable(
            parse_networks(validation.allowed_networks, "acme.validation.allowed_networks"),
            parse_networks(validation.denied_networks, "acme.validation.denied_networks"),
        )
        self._connectors = {
            kind: Connector(
                validation_table if kind is EgressClass.VALIDATION else AddressTable(), own_listeners
            )
            for kind in EgressClass
        }
        self._resolver = Resolver(
            validation.resolvers, randomness, seconds=validation.timeout * _SHARE_OF_DNS
        )
        self._challenges = ChallengeFetcher(
            validation, self._resolver, self._connectors[EgressClass.VALIDATION], clock.monotonic
        )

    @property
    def resolver(self) -> Resolver:
        """Return the resolver of validations."""
        return self._resolver

    def connector(self, kind: EgressClass) -> Connector:
        """Return what checks and connects for one class."""
        return self._connectors[kind]

    async def fetch(self, host: str, path: str) -> ChallengeAnswer:
        """Return the answer to an http-01 challenge; see `ChallengeFetcher.fetch` for what it raises."""
        return await self._challenges.fetch(host, path)
