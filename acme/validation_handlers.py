"""What validation is made of, put together for the module."""

from collections.abc import Collection
from typing import Any

from acme.directories import Directory
from acme.directory_cache import DirectoryCache
from acme.handlers.respond_to_challenge import ChallengeResponse
from acme.handlers.validate_challenge import ChallengeValidation
from acme.operations import RespondToChallenge, ValidateChallenge
from acme.places import Places
from acme.validation.caa import CaaCheck
from acme.validation.dns_01 import Dns01
from acme.validation.http_01 import Http01
from acme.validation.looks import Looks
from acme.validation.port import Validator
from acme.validation.tls_alpn_01 import TlsAlpn01
from acme.wire.messages import Urls
from ca_service.gate.operation import Operation
from ca_service.web.module import AnyHandler, Ground

VALIDATORS: tuple[Validator, ...] = (Http01(), Dns01(), TlsAlpn01())


def caa_check(ground: Ground, places: Places) -> CaaCheck:
    """Return the check of CAA; an account is known by its URL under each prefix of its directory."""

    def account_urls(directory: Directory, account: str) -> Collection[str]:
        bases = (ground.public_url + prefix for prefix in places.prefixes_of(directory.slug))
        return frozenset(Urls(base, "").of("account", account) for base in bases)

    return CaaCheck(ground.egress, account_urls)


def validation_handlers(
    ground: Ground, directories: DirectoryCache, caa: CaaCheck, looks: Looks
) -> dict[type[Operation[Any]], AnyHandler]:
    """Return what takes a client's word and what looks whether it is true."""
    return {
        RespondToChallenge: ChallengeResponse(ground.database, ground.queue, looks),
        ValidateChallenge: ChallengeValidation(
            ground.database, ground.queue, directories, ground.egress, VALIDATORS, caa, looks
        ),
    }
