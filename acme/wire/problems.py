"""The only table from our errors to `urn:ietf:params:acme:error:*` (RFC 8555 section 6.7).

What a module below us refuses is told by its kind; what this package refuses has a type of its own.
"""

import math
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from acme import errors
from acme.challenges import ChallengeFailure
from acme.identifiers import Identifier
from acme.wire.jws import ALGORITHMS
from ca_service.identity.errors import SponsorRefusedError
from ca_service.kernel.errors import KeywrightError, Kind, RateLimitedError, UnavailableError
from ca_service.policy.names import NameRefusedError
from ca_service.x509.errors import (
    AccountKeyBlockedError,
    CsrMalformedError,
    CsrRefusedError,
    ProfileRefusedError,
)

URN = "urn:ietf:params:acme:error:"
MEDIA_TYPE = "application/problem+json"

#: The type and status of each error of this package, and of those below that ACME has a word for.
BY_CLASS: Mapping[type[KeywrightError], tuple[str, int]] = {
    errors.BadNonceError: ("badNonce", 400),
    errors.BadSignatureAlgorithmError: ("badSignatureAlgorithm", 400),
    errors.BadPublicKeyError: ("badPublicKey", 400),
    errors.AccountDoesNotExistError: ("accountDoesNotExist", 400),
    errors.UnauthorizedError: ("unauthorized", 403),
    errors.InvalidContactError: ("invalidContact", 400),
    errors.UnsupportedContactError: ("unsupportedContact", 400),
    errors.ExternalAccountRequiredError: ("externalAccountRequired", 403),
    errors.ExternalBindingError: ("unauthorized", 403),
    errors.ExternalAccountEndedError: ("unauthorized", 403),
    errors.UserActionRequiredError: ("userActionRequired", 403),
    errors.KeyInUseError: ("malformed", 409),
    errors.KeyChangedError: ("malformed", 409),
    errors.IdentifiersRefusedError: ("rejectedIdentifier", 400),
    errors.UnsupportedIdentifierError: ("unsupportedIdentifier", 400),
    errors.RejectedIdentifierError: ("rejectedIdentifier", 400),
    errors.CompoundError: ("compound", 400),
    errors.InvalidProfileError: ("invalidProfile", 400),
    errors.ValidityRefusedError: ("malformed", 400),
    errors.OrderNotReadyError: ("orderNotReady", 403),
    errors.OrderAdvancedError: ("orderNotReady", 403),
    errors.ChallengeAdvancedError: ("malformed", 409),
    errors.AuthorizationLostError: ("malformed", 409),
    errors.AccountTakenError: ("malformed", 409),
    errors.BadCsrError: ("badCSR", 400),
    errors.CertificateWithdrawnError: ("malformed", 404),
    errors.CaaForbidsError: ("caa", 403),
    errors.AlreadyRevokedError: ("alreadyRevoked", 400),
    errors.BadRevocationReasonError: ("badRevocationReason", 400),
    errors.DirectoryNotFoundError: ("malformed", 404),
    errors.ValidationError: ("incorrectResponse", 403),
    SponsorRefusedError: ("unauthorized", 403),
    AccountKeyBlockedError: ("badPublicKey", 400),
    CsrMalformedError: ("badCSR", 400),
    CsrRefusedError: ("badCSR", 400),
    NameRefusedError: ("rejectedIdentifier", 400),
    ProfileRefusedError: ("unauthorized", 403),
}

#: The type and status of everything else.
BY_KIND: Mapping[Kind, tuple[str, int]] = {
    Kind.MALFORMED: ("malformed", 400),
    Kind.UNAUTHENTICATED: ("unauthorized", 401),
    Kind.FORBIDDEN: ("unauthorized", 403),
    Kind.NOT_FOUND: ("malformed", 404),
    Kind.METHOD_NOT_ALLOWED: ("malformed", 405),
    Kind.CONFLICT: ("malformed", 409),
    Kind.PRECONDITION: ("malformed", 412),
    Kind.TOO_LARGE: ("malformed", 413),
    Kind.UNSUPPORTED_MEDIA_TYPE: ("malformed", 415),
    Kind.MISDIRECTED: ("malformed", 421),
    Kind.UNACCEPTABLE: ("unauthorized", 403),
    Kind.RATE_LIMITED: ("rateLimited", 429),
    Kind.UNAVAILABLE: ("serverInternal", 503),
    Kind.INTERNAL: ("serverInternal", 500),
}


class ProblemIdentifier(Struct, frozen=True):
    """The identifier a subproblem is about."""

    type: str
    value: str


class Subproblem(Struct, frozen=True):
    """What is wrong with one identifier (RFC 8555 section 6.7.1)."""

    type: str
    detail: str
    identifier: ProblemIdentifier


class Problem(Struct, frozen=True, omit_defaults=True):
    """One problem document; what is UNSET does not appear (clients choke on nulls)."""

    type: str
    detail: str
    status: int
    instance: str | UnsetType = UNSET
    algorithms: tuple[str, ...] | UnsetType = UNSET
    subproblems: tuple[Subproblem, ...] | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


class RenderedProblem(Struct, frozen=True):
    """A problem document as it goes over the wire, with the headers that belong to it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def type_and_status(error: KeywrightError) -> tuple[str, int]:
    """Return the ACME type and HTTP status of an error: its class's or an ancestor's, else its kind's."""
    for class_ in type(error).__mro__:
        found = BY_CLASS.get(class_)
        if found is not None:
            return found
    return BY_KIND[error.kind]


def render_problem(error: KeywrightError, request_id: str) -> RenderedProblem:
    """Return the problem document of an error; a mistake of ours shows its request id and nothing else."""
    type_, status = type_and_status(error)
    detail = error.detail
    if error.kind is Kind.INTERNAL and not isinstance(error, errors.ValidationError):
        detail = "A mistake of ours; the server's log has it under this request id."
    problem = Problem(
        type=URN + type_,
        detail=detail,
        status=status,
        instance=error.terms if isinstance(error, errors.UserActionRequiredError) else UNSET,
        algorithms=ALGORITHMS if isinstance(error, errors.BadSignatureAlgorithmError) else UNSET,
        subproblems=_subproblems(error, type_),
        request_id=request_id or UNSET,
    )
    return RenderedProblem(status, _headers(error), msgspec.json.encode(problem))


def failure_document(failure: ChallengeFailure, status: int = 403) -> Problem:
    """Return the `error` of a challenge, or of an order that failed for one reason."""
    return Problem(type=URN + failure.type, detail=failure.detail, status=status)


def failures_document(failures: Sequence[tuple[Identifier, ChallengeFailure]], status: int = 403) -> Problem:
    """Return the `error` of an order of which several identifiers were not proved (section 6.7.1)."""
    kinds = {failure.type for _, failure in failures}
    return Problem(
        type=URN + (kinds.pop() if len(kinds) == 1 else "compound"),
        detail=f"{len(failures)} identifiers were not proved; the subproblems say which and why.",
        status=status,
        subproblems=tuple(
            Subproblem(URN + failure.type, failure.detail, ProblemIdentifier(each.type, each.value))
            for each, failure in failures
        ),
    )


def _subproblems(error: KeywrightError, type_: str) -> tuple[Subproblem, ...] | UnsetType:
    if not isinstance(error, errors.IdentifiersRefusedError) or not error.faults:
        return UNSET
    of_each = "rejectedIdentifier" if isinstance(error, errors.RejectedIdentifierError) else type_
    return tuple(
        Subproblem(
            type=URN + ("unsupportedIdentifier" if fault.unsupported else of_each),
            detail=fault.detail,
            identifier=ProblemIdentifier(fault.type, fault.value),
        )
        for fault in error.faults
    )


def _headers(error: KeywrightError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, errors.UserActionRequiredError):
        return (("link", f'<{error.terms}>;rel="terms-of-service"'),)
    if isinstance(error, errors.KeyInUseError) and error.location is not None:
        return (("location", error.location),)
    if isinstance(error, RateLimitedError | UnavailableError):
        return (("retry-after", str(max(1, math.ceil(error.retry_after.total_seconds())))),)
    return ()
