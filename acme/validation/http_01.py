"""http-01: the key authorization under a well-known path of the host (RFC 8555 section 8.3, RFC 8738)."""

from acme.challenges import Challenge, ChallengeType
from acme.errors import ValidationError
from acme.validation.failures import failure_of
from acme.validation.port import Outside
from ca_service.egress.errors import EgressError

PATH = "/.well-known/acme-challenge/"


class Http01:
    """Validates http-01; an address is asked itself, and nothing is resolved (RFC 8738 section 4)."""

    type = ChallengeType.HTTP_01

    async def validate(self, challenge: Challenge, outside: Outside) -> None:
        try:
            answer = await outside.fetch(challenge.identifier.value, PATH + challenge.token)
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
