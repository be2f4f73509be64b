"""What a directory may be told: bounds and forms, before anything is stored."""

import re
from collections.abc import Sequence

from acme.challenges import ChallengeType
from acme.directories import SLUG, CaaMode, Directory, DirectoryRules
from ca_service.config import ConfigError
from ca_service.egress.hosts import parse_name_server
from ca_service.kernel.errors import MalformedError, UnacceptableError
from ca_service.policy.names import parse_dns_name

_MOST = {"further_profiles": 20, "challenges": len(ChallengeType), "caa_identities": 20, "resolvers": 8}
#: An absolute URL in the characters of RFC 3986, so that it can stand in a Link header as it is.
_URL = re.compile(r"https?://[A-Za-z0-9\[][A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]{0,2000}", re.ASCII)


def parse_directory_name(text: str) -> str:
    """Return the slug that a new directory shall have. Raises MalformedError."""
    if SLUG.fullmatch(text) is None:
        raise MalformedError(
            "A directory's name has 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either "
            "end.",
            field="name",
            rule="slug",
        )
    return text


def verify_rules(directory: Directory) -> None:
    """Refuse what no directory can be. Raises UnacceptableError and NameRefusedError, naming the field."""
    rules = directory.rules
    _verify_lists(directory)
    _verify_challenges(rules)
    _verify_caa(rules)
    _verify_resolvers(rules.resolvers)
    _verify_url("terms_of_service", rules.terms_of_service)
    _verify_url("website", rules.website)


def _verify_lists(directory: Directory) -> None:
    rules = directory.rules
    lists: dict[str, Sequence[str]] = {
        "further_profiles": rules.further_profiles,
        "challenges": rules.challenges or (),
        "caa_identities": rules.caa_identities,
        "resolvers": rules.resolvers,
    }
    for field, values in lists.items():
        if len(values) > _MOST[field]:
            raise UnacceptableError(
                f"A directory has at most {_MOST[field]} of these.", field=field, rule="bounds"
            )
        if len(set(values)) != len(values):
            raise UnacceptableError("Name each of them once.", field=field, rule="unique")
    if directory.profile in rules.further_profiles:
        raise UnacceptableError(
            "The directory's first profile is not one of its further ones.",
            field="further_profiles",
            rule="unique",
        )


def _verify_challenges(rules: DirectoryRules) -> None:
    if rules.challenges is None:
        return
    if not rules.challenges:
        raise UnacceptableError(
            "Without a challenge nothing can be proved; name one, or null for all.",
            field="challenges",
            rule="required",
        )
    for index, name in enumerate(rules.challenges):
        if name not in set(ChallengeType):
            raise UnacceptableError(
                f"The challenges are {', '.join(ChallengeType)}.",
                field=f"challenges[{index}]",
                rule="challenge-unknown",
            )


def _verify_caa(rules: DirectoryRules) -> None:
    if rules.caa is not CaaMode.OFF and not rules.caa_identities:
        raise UnacceptableError(
            "Name at least one domain that stands for this directory in CAA records (RFC 8659 section 4.2).",
            field="caa_identities",
            rule="required",
        )
    for index, name in enumerate(rules.caa_identities):
        field = f"caa_identities[{index}]"
        if parse_dns_name(name, field=field).value != name or name.startswith("*"):
            raise UnacceptableError(
                "Write the domain in lower case and A-labels, without a wildcard.",
                field=field,
                rule="caa-identity",
            )


def _verify_resolvers(resolvers: Sequence[str]) -> None:
    for index, text in enumerate(resolvers):
        try:
            parse_name_server(text)
        except ConfigError as error:
            raise UnacceptableError(
                "A resolver is an address, or address:port: 192.0.2.1, [2001:db8::1]:53.",
                field=f"resolvers[{index}]",
                rule="resolver",
            ) from error


def _verify_url(field: str, url: str | None) -> None:
    if url is not None and _URL.fullmatch(url) is None:
        raise UnacceptableError(
            "Write an absolute URL that starts with https:// or http://.", field=field, rule="url"
        )
