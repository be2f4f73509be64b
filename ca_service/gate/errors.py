"""What the gate itself refuses, beside the denials of the policy."""

from ca_service.kernel.errors import ConflictError, InternalError, UnacceptableError, UnavailableError


class UnregisteredOperationError(InternalError):
    """No module contributed a handler for this operation."""


class UndecidedOperationError(InternalError):
    """A handler asked the policy nothing, or about a thing of another tenant: nobody may do that."""


class OverlongCredentialError(InternalError):
    """A handler signed for longer than its grant; what it signed was dropped unreleased."""


class OrphanedOperationError(InternalError):
    """A child operation was prepared or recorded outside the operation it belongs to."""


class CeilingError(UnacceptableError):
    """The lifetime asked for is longer than the policy permits."""


class PolicyChangedError(UnavailableError):
    """The policy kept changing while the operation ran, or shortened what was signed already."""


class TimeInDoubtError(UnavailableError):
    """The clock may be wrong: nothing is issued, changed or published until it is right or accepted (S23)."""


class KeyReusedError(UnacceptableError):
    """The idempotency key was used before for another request."""


class StillRunningError(ConflictError):
    """The first request with this idempotency key has not ended yet."""


class AnswerGoneError(ConflictError):
    """The idempotency key was used, and its answer is no longer kept."""


class StaleRulingError(Exception):
    """The policy changed between decision and transaction; the gate leaves it and decides again."""
