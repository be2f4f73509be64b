"""dns-01: the digest of the key authorization in a TXT record below the name (RFC 8555 section 8.4)."""

from acme.challenges import Challenge, ChallengeType, digest_of
from acme.errors import ValidationError
from acme.validation.failures import failure_of
from acme.validation.port import Outside
from ca_service.egress.errors import EgressError, NameNotFoundError
from ca_service.egress.records import TextRecords
from ca_service.egress.shown import escape

LABEL = "_acme-challenge"


class Dns01:
    """Validates dns-01; any one of several records may match, as a name and its wildcard need two."""

    type = ChallengeType.DNS_01

    async def validate(self, challenge: Challenge, outside: Outside) -> None:
        name = f"{LABEL}.{challenge.identifier.value}"
        try:
            found = await outside.texts(name)
        except NameNotFoundError as error:
            raise ValidationError(
                "unauthorized",
                f"There is no TXT record at {name} ({error.rcode} from {error.resolver or 'no resolver'}). "
                "Add it, and give its name servers time to show it.",
            ) from error
        except EgressError as error:
            raise failure_of(error) from error
        if challenge.key_authorization is None:
            raise ValidationError("unauthorized", "The challenge has not been answered.")
        if digest_of(challenge.key_authorization).encode("ascii") in found.records:
            return
        raise ValidationError("unauthorized", _mismatch(name, found))


def _mismatch(name: str, found: TextRecords) -> str:
    """Return what was found instead; of records behind an alias only how many they are (S3)."""
    number = "The TXT record" if found.total == 1 else f"None of the {found.total} TXT records"
    verb = "is not this challenge's" if found.total == 1 else "is this challenge's"
    if found.total > len(found.records):
        verb += f" (only {len(found.records)} were looked at; remove old ones)"
    detail = f"{number} at {name} {verb} (asked {found.resolver})"
    if not found.is_own:
        return f"{detail}; the name is an alias."
    return f'{detail}; the first is "{escape(found.records[0])}".' if found.records else f"{detail}."
