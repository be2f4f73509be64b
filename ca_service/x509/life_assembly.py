"""The object graph of what happens to certificates after they were issued, and beside it."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from msgspec import Struct

from ca_service.custody.custody import Custody
from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.gate.operation import Operation
from ca_service.gate.port import Gate, Sponsors
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.queue.jobs import JobHandler
from ca_service.queue.queue import Queue
from ca_service.web.module import AnyHandler, Timer
from ca_service.x509.accompaniment import Accompaniment
from ca_service.x509.announcer import Announcer
from ca_service.x509.catalogue import Catalogue
from ca_service.x509.channel_secrets import ChannelSecrets
from ca_service.x509.deliveries import JOB_KIND as DELIVER
from ca_service.x509.delivering import Notifier
from ca_service.x509.handlers.announce_ends import AnnounceEndsHandler
from ca_service.x509.handlers.change_channels import (
    CreateChannelHandler,
    DeleteChannelHandler,
    TryChannelHandler,
    UpdateChannelHandler,
)
from ca_service.x509.handlers.continue_revocation import ContinueRevocationHandler
from ca_service.x509.handlers.deliver_event import DeliverEventHandler
from ca_service.x509.handlers.import_certificate import ImportCertificateHandler, ReadImportHandler
from ca_service.x509.handlers.read_channels import (
    ListChannelsHandler,
    ListDeliveriesHandler,
    ReadChannelHandler,
)
from ca_service.x509.handlers.read_kept_key import ReadKeptKeyHandler
from ca_service.x509.handlers.start_revocation import (
    CountRevocationHandler,
    ReadRevocationHandler,
    Selections,
    StartRevocationHandler,
)
from ca_service.x509.key_keeping import KeyKeeping
from ca_service.x509.life_jobs import DeliveryJobs, Ends, Housekeeping, MassRevocationJobs, life_timers
from ca_service.x509.mass_revocations import JOB_KIND as REVOKE
from ca_service.x509.mass_revocations import TABLE as REVOCATIONS
from ca_service.x509.operations.channels import (
    AnnounceEnds,
    CreateChannel,
    DeleteChannel,
    DeliverEvent,
    ListChannels,
    ListDeliveries,
    ReadChannel,
    TryChannel,
    UpdateChannel,
)
from ca_service.x509.operations.imports import ImportCertificate, ReadImport
from ca_service.x509.operations.kept_keys import ReadKeptKey
from ca_service.x509.operations.mass_revocations import (
    ContinueRevocation,
    CountRevocation,
    ReadRevocation,
    StartRevocation,
)
from ca_service.x509.publication import Publisher
from ca_service.x509.renewals import Renewals

Handlers: TypeAlias = dict[type[Operation[Any]], AnyHandler]


class Surroundings(Struct, frozen=True):
    """What the later life needs of the service. `administrator` is that of the instance while it may act."""

    queue: Queue
    notifier: Notifier
    sponsors: Sponsors
    administrator: Callable[[], Awaitable[Caller | None]]


class Life(Struct, frozen=True):
    """What is contributed, and what issuing itself needs of it."""

    handlers: Handlers
    job_handlers: dict[str, JobHandler]
    timers: tuple[Timer, ...]
    accompaniment: Accompaniment
    keeping: KeyKeeping
    announcer: Announcer
    renewals: Renewals
    ends: Ends


def assemble_life(
    surroundings: Surroundings,
    catalogue: Catalogue,
    database: Database,
    custody: Custody,
    gate: Gate,
    publisher: Publisher,
    identifiers: Identifiers,
    randomness: Randomness,
) -> Life:
    """Build everything over the ground."""
    keeping = KeyKeeping(custody, database, randomness)
    announcer = Announcer(database, custody, surroundings.queue, identifiers)
    secrets = ChannelSecrets(custody, randomness)
    renewals = Renewals(
        gate,
        database,
        surroundings.sponsors,
        surroundings.administrator,
        keeping,
        announcer,
        identifiers,
        randomness,
    )
    ends = Ends(gate, database, announcer, identifiers)
    handlers: Handlers = {
        ReadKeptKey: ReadKeptKeyHandler(catalogue, database, keeping),
        ImportCertificate: ImportCertificateHandler(catalogue, database, identifiers),
        ReadImport: ReadImportHandler(database),
        DeliverEvent: DeliverEventHandler(database, announcer, secrets, surroundings.notifier),
        AnnounceEnds: AnnounceEndsHandler(database, announcer),
        **_channel_handlers(database, announcer, secrets, identifiers),
        **_mass_handlers(catalogue, database, custody, surroundings.queue, announcer, identifiers),
    }
    return Life(
        handlers=handlers,
        job_handlers={
            DELIVER: DeliveryJobs(gate, identifiers),
            REVOKE: MassRevocationJobs(gate, publisher, identifiers),
        },
        timers=life_timers(renewals, ends, Housekeeping(database)),
        accompaniment=Accompaniment(keeping, announcer),
        keeping=keeping,
        announcer=announcer,
        renewals=renewals,
        ends=ends,
    )


def _channel_handlers(
    database: Database, announcer: Announcer, secrets: ChannelSecrets, identifiers: Identifiers
) -> Handlers:
    return {
        ListChannels: ListChannelsHandler(database, announcer.mac),
        ReadChannel: ReadChannelHandler(database, announcer.mac),
        ListDeliveries: ListDeliveriesHandler(database, announcer.mac),
        CreateChannel: CreateChannelHandler(announcer, secrets, identifiers),
        UpdateChannel: UpdateChannelHandler(database, announcer, secrets),
        DeleteChannel: DeleteChannelHandler(database, announcer),
        TryChannel: TryChannelHandler(database, announcer),
    }


def _mass_handlers(
    catalogue: Catalogue,
    database: Database,
    custody: Custody,
    queue: Queue,
    announcer: Announcer,
    identifiers: Identifiers,
) -> Handlers:
    mac = RowMac(custody, REVOCATIONS)
    selections = Selections(catalogue, database)
    return {
        CountRevocation: CountRevocationHandler(selections),
        StartRevocation: StartRevocationHandler(selections, mac, queue, identifiers),
        ReadRevocation: ReadRevocationHandler(database, mac),
        ContinueRevocation: ContinueRevocationHandler(catalogue, database, mac, announcer, identifiers),
    }
