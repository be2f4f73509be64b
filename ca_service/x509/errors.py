"""What the certificate authority refuses, apart so that ACME can tell a bad CSR from a closed profile."""

from ca_service.kernel.errors import ConflictError, InternalError, MalformedError, UnacceptableError


class CsrMalformedError(MalformedError):
    """The bytes are no PKCS#10 request."""


class CsrRefusedError(UnacceptableError):
    """The request can be read, but its key, signature, subject or extensions are refused."""


class ProfileRefusedError(UnacceptableError):
    """The profile, its ceilings or the authority refuse what was asked."""


class AccountKeyBlockedError(UnacceptableError):
    """The key that an ACME account wants to have is blocked, or a certificate has it."""


class ChangedMeanwhileError(ConflictError):
    """The profile or the authority changed between the decision and the record; nothing was issued."""


class ArtefactMismatchError(InternalError):
    """What was signed is not what was decided; it is dropped unreleased (S7)."""


class AlreadyRenewedError(ConflictError):
    """A renewal that the service makes by itself came second; nothing was issued."""
