"""What dynamic secrets refuse."""

from datetime import timedelta

from ca_service.kernel.errors import (
    ConflictError,
    MalformedError,
    RateLimitedError,
    UnacceptableError,
    UnavailableError,
)


class NameRefusedError(MalformedError):
    """The name of a dynamic secret breaks the rule of names."""


class NameTakenError(ConflictError):
    """A dynamic secret of this name exists in the folder."""


class ProviderUnknownError(UnacceptableError):
    """No provider of this name exists."""


class ConfigurationRefusedError(UnacceptableError):
    """A member of a provider's configuration is missing, unknown, out of bounds or contradicts another."""


class TemplateRefusedError(UnacceptableError):
    """The template of user names has an unknown part, a forbidden character or no random part."""


class LifetimeRefusedError(UnacceptableError):
    """A lifetime is above a ceiling, or the default above the longest."""


class LeasesLiveError(ConflictError):
    """The dynamic secret has leases that have not ended."""


class LeaseEndedError(ConflictError):
    """The lease has ended, or its end has begun: it cannot go this way any more."""


class LeaseBusyError(UnavailableError):
    """Somebody works on the lease at this moment; nothing was done."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            detail or "Another request works on this lease at this moment. Send the request again.",
            retry_after=timedelta(seconds=1),
        )


class TooManyLeasesError(RateLimitedError):
    """The caller holds as many live leases of this dynamic secret as anybody may."""


class TargetUnreachableError(UnavailableError):
    """The target does not answer, or cannot now: the same may succeed later."""


class TargetBusyError(UnavailableError):
    """Too many calls wait for their turn at one target in this process."""


class TargetRefusedError(UnacceptableError):
    """The target refused: a person must change something there or in the configuration first."""


class AccountGoneError(ConflictError):
    """The account is no longer at the target, although its lease has not ended."""
