"""What an ACME client is told went wrong; `wire/problems.py` gives each its RFC 8555 type and status."""

from msgspec import Struct

from ca_service.kernel.errors import (
    ConflictError,
    KeywrightError,
    MalformedError,
    NotFoundError,
    PreconditionError,
    UnacceptableError,
    UnauthenticatedError,
)


class BadNonceError(MalformedError):
    """The nonce is unknown, too old or used; the answer carries a fresh one (RFC 8555 section 6.5)."""

    slug = "acme_bad_nonce"


class BadSignatureAlgorithmError(MalformedError):
    """The JWS is signed with an algorithm outside the fixed table (RFC 8555 section 6.2)."""

    slug = "acme_bad_signature_algorithm"


class BadPublicKeyError(MalformedError):
    """The JWK is not a key that may own an account."""

    slug = "acme_bad_public_key"


class AccountDoesNotExistError(MalformedError):
    """The key or the account URL belongs to no account of this directory (RFC 8555 section 7.3.1)."""

    slug = "acme_account_does_not_exist"


class UnauthorizedError(UnauthenticatedError):
    """The signature, the URL or the account's status does not carry this request."""

    slug = "acme_unauthorized"


class InvalidContactError(MalformedError):
    """A contact URL has a known scheme and an unusable address (RFC 8555 section 7.3)."""

    slug = "acme_invalid_contact"


class UnsupportedContactError(MalformedError):
    """A contact URL has a scheme other than mailto (RFC 8555 section 7.3)."""

    slug = "acme_unsupported_contact"


class ExternalAccountRequiredError(UnauthenticatedError):
    """The directory takes only accounts that are bound to an external one (RFC 8555 section 7.3.4)."""

    slug = "acme_external_account_required"


class ExternalBindingError(UnauthenticatedError):
    """The external account binding is by no key that may bind an account here (RFC 8555 section 7.3.4)."""

    slug = "acme_external_binding"


class ExternalAccountEndedError(UnauthenticatedError):
    """The external account that the account is bound to was disabled, or the identity that owns it (S2)."""

    slug = "acme_external_account_ended"


class UserActionRequiredError(PreconditionError):
    """The terms of service at `terms` were not agreed to, or changed since (RFC 8555 section 7.3.3)."""

    slug = "acme_user_action_required"

    def __init__(self, detail: str, *, terms: str) -> None:
        super().__init__(detail)
        self.terms = terms


class KeyInUseError(ConflictError):
    """The new key of an account is the key of another (RFC 8555 section 7.3.5).

    `account` is the id of that one; the door, which knows its URL, says it as `location`.
    """

    slug = "acme_key_in_use"

    def __init__(self, account: str, *, location: str | None = None) -> None:
        super().__init__("The new key is the key of another account of this directory; make another key.")
        self.account = account
        self.location = location


class KeyChangedError(ConflictError):
    """Another request changed the account's key in the meantime."""

    slug = "acme_key_changed"


class IdentifierFault(Struct, frozen=True):
    """Why one identifier of an order was refused: one subproblem (RFC 8555 section 6.7.1)."""

    type: str
    value: str
    detail: str
    unsupported: bool = False


class IdentifiersRefusedError(UnacceptableError):
    """Something is refused for the sake of some of its identifiers; each fault says which and why."""

    slug = "acme_identifiers_refused"

    def __init__(
        self,
        detail: str,
        faults: tuple[IdentifierFault, ...] = (),
        *,
        field: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(detail, field=field, rule=rule)
        self.faults = faults


class RejectedIdentifierError(IdentifiersRefusedError):
    """The order names identifiers for which nothing will be issued."""

    slug = "acme_rejected_identifier"


class UnsupportedIdentifierError(RejectedIdentifierError):
    """The order names identifiers of a type that this directory does not know."""

    slug = "acme_unsupported_identifier"


class CompoundError(RejectedIdentifierError):
    """The order names identifiers that are refused for different reasons (RFC 8555 section 6.7.1)."""

    slug = "acme_compound"


class InvalidProfileError(UnacceptableError):
    """The order asks for a profile that this directory does not offer."""

    slug = "acme_invalid_profile"


class ValidityRefusedError(UnacceptableError):
    """The order asks for a certificate that would outlive a ceiling."""

    slug = "acme_validity_refused"


class OrderNotReadyError(PreconditionError):
    """The order cannot be finalized in its present status (RFC 8555 section 7.4)."""

    slug = "acme_order_not_ready"


class OrderAdvancedError(ConflictError):
    """Another request finalized the order in the meantime; asking again shows what became of it."""

    slug = "acme_order_advanced"


class ChallengeAdvancedError(ConflictError):
    """Somebody else answered or decided the challenge, or its authorization, in the meantime."""

    slug = "acme-challenge-advanced"


class AuthorizationLostError(ConflictError):
    """An authorization that a new order would have rested on was given up in the meantime."""

    slug = "acme_authorization_lost"


class AccountTakenError(ConflictError):
    """Another request made an account for the same key in the meantime."""

    slug = "acme_account_taken"


class BadCsrError(IdentifiersRefusedError):
    """The certificate signing request is unusable for this order (RFC 8555 section 7.4).

    Faults are those of names that the one has and the other has not.
    """

    slug = "acme_bad_csr"


class CertificateWithdrawnError(NotFoundError):
    """The certificate was revoked and is not handed out any more."""

    slug = "acme_certificate_withdrawn"

    def __init__(self) -> None:
        super().__init__("certificate")
        self.detail = "The certificate was revoked and is not handed out any more; make a new order."


class CaaForbidsError(IdentifiersRefusedError):
    """The CAA records of names forbid their certificate (RFC 8659)."""

    slug = "acme_caa"


class AlreadyRevokedError(ConflictError):
    """The certificate was revoked before (RFC 8555 section 7.6)."""

    slug = "acme_already_revoked"


class BadRevocationReasonError(UnacceptableError):
    """The reason code is none that a subscriber may give (RFC 8555 section 7.6)."""

    slug = "acme_bad_revocation_reason"


class DirectoryNotFoundError(NotFoundError):
    """There is no ACME directory at this address."""

    slug = "acme_directory_not_found"

    def __init__(self) -> None:
        super().__init__("ACME directory")


class ValidationError(KeywrightError):
    """A challenge was not met. `type` is the RFC 8555 error the client sees with the challenge.

    `is_transient` says that another attempt may succeed: trouble on the way, never a wrong answer.
    """

    slug = "acme_validation_failed"

    def __init__(self, problem_type: str, detail: str, *, is_transient: bool = False) -> None:
        super().__init__(detail)
        self.problem_type = problem_type
        self.is_transient = is_transient
