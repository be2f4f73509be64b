"""What the ACME server contributes to the service."""

from datetime import timedelta
from functools import partial
from typing import Any

from acme.callers import AcmeAuthenticator
from acme.first_start import found_directory
from acme.handlers.change_account import AccountDeactivation, AccountReading, AccountUpdate
from acme.handlers.create_account import AccountCreation
from acme.handlers.create_order import OrderCreation
from acme.handlers.deactivate_authorization import AuthorizationDeactivation
from acme.handlers.finalize_order import OrderFinalization
from acme.handlers.manage_directories import DirectoryCreation, DirectoryListing, DirectoryReading
from acme.handlers.read_orders import AuthorizationReading, ChallengeReading, OrderListing, OrderReading
from acme.handlers.respond_to_challenge import ChallengeResponse
from acme.handlers.revoke_certificate import CertificateRevocation
from acme.handlers.validate_challenge import ChallengeValidation
from acme.housekeeping import NonceSweep
from acme.http.door import AcmeDoor, acme_routes
from acme.http.rest import list_directories, read_directory
from acme.jobs import ValidationJobs
from acme.operations import (
    CreateAccount,
    CreateDirectory,
    CreateOrder,
    DeactivateAccount,
    DeactivateAuthorization,
    FinalizeOrder,
    ListDirectories,
    ListOrders,
    ReadAccount,
    ReadAuthorization,
    ReadChallenge,
    ReadDirectory,
    ReadOrder,
    RespondToChallenge,
    RevokeIssued,
    UpdateAccount,
    ValidateChallenge,
)
from acme.places import Places, parse_aliases
from acme.validation.dns_01 import Dns01
from acme.validation.http_01 import Http01
from acme.validation.jobs import JOB_KIND
from acme.validation.port import Validator
from acme.wire.keys import KeyCache
from acme.wire.nonces import Nonces
from ca_service.gate.operation import Operation
from ca_service.policy.sets import BuiltInPolicy
from ca_service.web.module import AnyHandler, Contribution, Ground, Module, Timer

_SCHEMA = """
entity AcmeOrder in [Project];
entity AcmeAuthorization in [Project];

action "acme:create-account", "acme:read-account", "acme:update-account", "acme:list-orders",
       "acme:create-order", "acme:revoke-certificate"
  appliesTo { principal: [Acme::Account], resource: [Acme::Directory] };
action "acme:read-order", "acme:finalize-order"
  appliesTo { principal: [Acme::Account], resource: [AcmeOrder] };
action "acme:read-authorization", "acme:deactivate-authorization", "acme:read-challenge",
       "acme:respond-to-challenge"
  appliesTo { principal: [Acme::Account], resource: [AcmeAuthorization] };
action "acme:validate-challenge"
  appliesTo { principal: [System], resource: [AcmeAuthorization] };

action "acme:read-directory" in [Action::"reads"]
  appliesTo { principal: [Identity, User, Acme::Account], resource: [Acme::Directory] };
action "acme:list-directories" in [Action::"reads"]
  appliesTo { principal: [Identity, User], resource: [Project] };
action "acme:manage-directory" in [Action::"manages"]
  appliesTo { principal: [Identity, User], resource: [Project] };
"""

# The protocol is open to the accounts of a directory; what it may end in, a certificate, is not: that is
# `x509:issue`, which a stored policy permits (S2). Handlers find nothing that is not the caller's own.
_PROTOCOL = """
permit(
  principal is Acme::Account,
  action in [
    Action::"acme:create-account", Action::"acme:read-account", Action::"acme:update-account",
    Action::"acme:list-orders", Action::"acme:create-order", Action::"acme:revoke-certificate",
    Action::"acme:read-order", Action::"acme:finalize-order", Action::"acme:read-authorization",
    Action::"acme:deactivate-authorization", Action::"acme:read-challenge",
    Action::"acme:respond-to-challenge", Action::"acme:read-directory"
  ],
  resource
);
"""
_VALIDATOR = """
permit(principal == System::"acme-validate", action == Action::"acme:validate-challenge", resource);
"""

_SWEEP_EVERY = timedelta(minutes=10)


def _build(ground: Ground) -> Contribution:
    nonces = Nonces(
        ground.custody.mac_key("acme-nonce"),
        ground.randomness,
        chaos=ground.config.acme.chaos.reject_nonces,
    )
    keys = AcmeAuthenticator(ground.database, nonces, KeyCache(), ground.identifiers)
    aliases = parse_aliases(ground.config.acme.directory_aliases)
    door = AcmeDoor(ground.database, keys, Places(aliases))
    return Contribution(
        handlers=_handlers(ground, _validators(ground)),
        routes=(acme_routes(door, aliases), list_directories, read_directory),
        timers=(Timer("acme-nonces", _SWEEP_EVERY, NonceSweep(ground.database)),),
        job_handlers={JOB_KIND: ValidationJobs(ground.gate, ground.identifiers)},
        first_start=partial(found_directory, ground.gate, ground.identifiers),
    )


def _validators(ground: Ground) -> tuple[Validator, ...]:
    return (Http01(ground.egress), Dns01(ground.egress.resolver))


def _handlers(ground: Ground, validators: tuple[Validator, ...]) -> dict[type[Operation[Any]], AnyHandler]:
    database, gate, queue, identifiers = ground.database, ground.gate, ground.queue, ground.identifiers
    return {
        CreateAccount: AccountCreation(database),
        ReadAccount: AccountReading(database),
        UpdateAccount: AccountUpdate(database),
        DeactivateAccount: AccountDeactivation(database),
        CreateOrder: OrderCreation(database, identifiers, ground.randomness, validators),
        ReadOrder: OrderReading(database),
        ListOrders: OrderListing(database),
        FinalizeOrder: OrderFinalization(database, gate),
        ReadAuthorization: AuthorizationReading(database),
        DeactivateAuthorization: AuthorizationDeactivation(database),
        ReadChallenge: ChallengeReading(database),
        RespondToChallenge: ChallengeResponse(database, queue),
        ValidateChallenge: ChallengeValidation(database, queue, validators),
        RevokeIssued: CertificateRevocation(database, gate),
        CreateDirectory: DirectoryCreation(database, identifiers, gate),
        ListDirectories: DirectoryListing(database),
        ReadDirectory: DirectoryReading(database),
    }


MODULE = Module(
    name="acme",
    schema=_SCHEMA,
    policies=(
        BuiltInPolicy("acme:protocol", _PROTOCOL.strip()),
        BuiltInPolicy("acme:validator", _VALIDATOR.strip()),
    ),
    build=_build,
)
