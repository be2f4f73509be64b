"""What the ACME server contributes to the service."""

from datetime import timedelta
from functools import partial
from typing import Any

from acme.account_handlers import account_handlers
from acme.callers import AcmeAuthenticator
from acme.directory_cache import DirectoryCache
from acme.external_accounts import ExternalAccounts
from acme.first_start import found_directory
from acme.handlers.manage_directories import (
    DirectoryCreation,
    DirectoryDeletion,
    DirectoryListing,
    DirectoryReading,
    DirectoryUpdate,
)
from acme.handlers.profile_terms import ProfileTerms
from acme.housekeeping import NonceSweep, OrderSweep
from acme.http.accounts import ACCOUNT_ROUTES
from acme.http.door import AcmeDoor, acme_routes
from acme.http.external_keys import EXTERNAL_KEY_ROUTES
from acme.http.rest import DIRECTORY_ROUTES
from acme.jobs import ValidationJobs
from acme.operations import (
    CreateDirectory,
    DeleteDirectory,
    ListDirectories,
    ReadDirectory,
    UpdateDirectory,
)
from acme.order_handlers import order_handlers
from acme.places import Places, parse_aliases
from acme.storage.accounts import AccountRows
from acme.validation.jobs import JOB_KIND
from acme.validation.looks import Looks
from acme.validation_handlers import VALIDATORS, caa_check, validation_handlers
from acme.wire.keys import KeyCache
from acme.wire.nonces import Nonces
from ca_service.gate.operation import Operation
from ca_service.policy.sets import BuiltInPolicy
from ca_service.web.module import AnyHandler, Contribution, Ground, Module, Timer

_SCHEMA = """
action "acme:create-account", "acme:read-account", "acme:update-account", "acme:list-orders",
       "acme:create-order", "acme:create-authorization", "acme:revoke-certificate", "acme:change-key",
       "acme:read-order", "acme:finalize-order", "acme:read-authorization",
       "acme:deactivate-authorization", "acme:read-challenge", "acme:respond-to-challenge"
  appliesTo { principal: [Acme::Account], resource: [Acme::Directory] };
action "acme:validate-challenge"
  appliesTo { principal: [System], resource: [Acme::Directory] };

action "acme:read-external-key", "acme:read-accounts" in [Action::"reads"]
  appliesTo { principal: [Identity, User], resource: [Acme::Directory] };
action "acme:manage-external-key", "acme:deactivate-account" in [Action::"manages"]
  appliesTo { principal: [Identity, User], resource: [Acme::Directory] };
action "acme:read-directory" in [Action::"reads"]
  appliesTo { principal: [Identity, User, Acme::Account], resource: [Acme::Directory] };
action "acme:list-directories" in [Action::"reads"]
  appliesTo { principal: [Identity, User], resource: [Project] };
action "acme:manage-directory" in [Action::"manages"]
  appliesTo { principal: [Identity, User], resource: [Project, Acme::Directory] };
"""

# The protocol is open to the accounts of a directory; what it may end in, a certificate, is not: that is
# `x509:issue`, which a stored policy permits (S2). Handlers find nothing that is not the caller's own.
_PROTOCOL = """
permit(
  principal is Acme::Account,
  action in [
    Action::"acme:create-account", Action::"acme:read-account", Action::"acme:update-account",
    Action::"acme:change-key",
    Action::"acme:list-orders", Action::"acme:create-order", Action::"acme:revoke-certificate",
    Action::"acme:create-authorization",
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
    directories = DirectoryCache(ground.database)
    external = ExternalAccounts(ground.database, ground.custody, ground.sponsors)
    keys = AcmeAuthenticator(
        ground.database,
        nonces,
        KeyCache(),
        ground.identifiers,
        directories,
        external,
        AccountRows(ground.custody),
    )
    aliases = parse_aliases(ground.config.acme.directory_aliases)
    places = Places(aliases)
    caa = caa_check(ground, places)
    looks = Looks()
    door = AcmeDoor(ground.database, keys, places, looks, ground.config.acme.limits.help_url)
    return Contribution(
        handlers={
            **account_handlers(ground, external),
            **order_handlers(ground, directories, {each.type for each in VALIDATORS}, caa),
            **validation_handlers(ground, directories, caa, looks),
            **_directory_handlers(ground, directories),
        },
        routes=(acme_routes(door, aliases), *DIRECTORY_ROUTES, *EXTERNAL_KEY_ROUTES, *ACCOUNT_ROUTES),
        timers=(
            Timer("acme-nonces", _SWEEP_EVERY, NonceSweep(ground.database), expires=True),
            Timer("acme-orders", _SWEEP_EVERY, OrderSweep(ground.database), expires=True),
        ),
        job_handlers={JOB_KIND: ValidationJobs(ground.gate, ground.identifiers, looks)},
        first_start=partial(found_directory, ground.gate, ground.database, ground.identifiers),
    )


def _directory_handlers(
    ground: Ground, directories: DirectoryCache
) -> dict[type[Operation[Any]], AnyHandler]:
    terms = ProfileTerms(ground.database, ground.custody)
    return {
        CreateDirectory: DirectoryCreation(ground.identifiers, ground.gate, terms, directories),
        ListDirectories: DirectoryListing(ground.database),
        ReadDirectory: DirectoryReading(ground.database),
        UpdateDirectory: DirectoryUpdate(ground.database, terms, directories),
        DeleteDirectory: DirectoryDeletion(ground.database, directories),
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
