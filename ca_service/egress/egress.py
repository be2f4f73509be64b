"""The one way out: names are resolved and connections opened here and nowhere else (S4)."""

from enum import StrEnum

from ca_service.config import NotifyConfig, TargetConfig, ValidationConfig
from ca_service.egress.addresses import AddressTable, parse_address, parse_networks
from ca_service.egress.connection import Connector, OwnListeners
from ca_service.egress.hosts import NameServer
from ca_service.egress.notify import NotifyEgress
from ca_service.egress.resolver import Resolver
from ca_service.egress.target import TargetEgress
from ca_service.egress.target_own import OwnDatabase
from ca_service.egress.validation import ValidationEgress
from ca_service.kernel.clock import Clock
from ca_service.kernel.randomness import Randomness

#: How much of a validation's time name resolution may take, so that a dead resolver is named as such.
_SHARE_OF_DNS = 0.6
_NOTIFY = NotifyConfig()
_TARGET = TargetConfig()


class EgressClass(StrEnum):
    """What a connection is for; each class has networks of its own."""

    VALIDATION = "validation"
    IDENTITY = "identity"
    NOTIFY = "notify"
    TARGET = "target"


class Egress:
    """Resolves, checks, connects. Raises ConfigError at once for networks and resolvers that are none.

    `own_listeners` is asked at each connection, since port 0 has a number only once it is bound.
    `database_url` is our own database, which is a target only where `target.allow_own_database` says so.
    """

    def __init__(
        self,
        validation: ValidationConfig,
        clock: Clock,
        randomness: Randomness,
        own_listeners: OwnListeners = tuple,
        notify: NotifyConfig = _NOTIFY,
        target: TargetConfig = _TARGET,
        database_url: str | None = None,
    ) -> None:
        validation_table = AddressTable(
            parse_networks(validation.allowed_networks, "acme.validation.allowed_networks"),
            parse_networks(validation.denied_networks, "acme.validation.denied_networks"),
        )
        tables = {
            EgressClass.VALIDATION: validation_table,
            EgressClass.NOTIFY: AddressTable(
                parse_networks(notify.allowed_networks, "notify.allowed_networks"),
                parse_networks(notify.denied_networks, "notify.denied_networks"),
            ),
            EgressClass.TARGET: AddressTable(
                parse_networks(target.allowed_networks, "target.allowed_networks"),
                parse_networks(target.denied_networks, "target.denied_networks"),
            ),
        }
        self._connectors = {
            kind: Connector(tables.get(kind, AddressTable()), own_listeners) for kind in EgressClass
        }
        self._targets = TargetEgress(
            target,
            Resolver(target.resolvers, randomness, seconds=target.timeout * _SHARE_OF_DNS),
            self._connectors[EgressClass.TARGET],
            OwnDatabase(database_url),
            clock.monotonic,
            randomness,
        )
        self._notifier = NotifyEgress(
            notify,
            Resolver(notify.resolvers, randomness, seconds=notify.timeout * _SHARE_OF_DNS),
            self._connectors[EgressClass.NOTIFY],
            clock.monotonic,
        )
        self._settings = validation
        self._randomness = randomness
        self._monotonic = clock.monotonic
        self._validation = self._outside(
            Resolver(validation.resolvers, randomness, seconds=self._dns_seconds)
        )

    def connector(self, kind: EgressClass) -> Connector:
        """Return what checks and connects for one class."""
        return self._connectors[kind]

    def notifier(self) -> NotifyEgress:
        """Return what tells webhooks and mail servers."""
        return self._notifier

    def targets(self) -> TargetEgress:
        """Return what makes accounts at databases."""
        return self._targets

    def validation(self, resolvers: tuple[str, ...] = ()) -> ValidationEgress:
        """Return what validations may do, with the name servers of a directory instead of our own.

        Those are checked as every other address is, since it is not the instance's administrator who names
        them. Raises ConfigError for one that is no address.
        """
        if not resolvers:
            return self._validation

        def verify(server: NameServer) -> None:
            address = parse_address(server.address)
            assert address is not None, "a name server is an address"
            self._connectors[EgressClass.VALIDATION].verify_address(server.address, address, server.port)

        return self._outside(Resolver(resolvers, self._randomness, seconds=self._dns_seconds, verify=verify))

    @property
    def _dns_seconds(self) -> float:
        return self._settings.timeout * _SHARE_OF_DNS

    def _outside(self, resolver: Resolver) -> ValidationEgress:
        return ValidationEgress(
            self._settings, resolver, self._connectors[EgressClass.VALIDATION], self._monotonic
        )
