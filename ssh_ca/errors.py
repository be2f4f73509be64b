"""What the SSH authority refuses."""

from ca_service.kernel.errors import (
    ConflictError,
    InternalError,
    MalformedError,
    UnacceptableError,
    UnauthenticatedError,
    UnavailableError,
)


class UnreadablePublicKeyError(MalformedError):
    """The text is not one public key in OpenSSH's format (RFC 4253 section 6.6)."""


class UnreadableCertificateError(MalformedError):
    """The text is not one certificate in OpenSSH's format, or nobody's signature is under it."""


class PublicKeyRefusedError(UnacceptableError):
    """The public key can be read, but a rule refuses it."""


class PrincipalsRefusedError(UnacceptableError):
    """The list of principals breaks a rule; a single bad name is a NameRefusedError."""


class OptionRefusedError(UnacceptableError):
    """A critical option or extension is unknown, not allowed by the profile, or has a bad value."""


class KeyIdRefusedError(UnacceptableError):
    """The key id cannot stand in a log line of sshd."""


class LifetimeRefusedError(UnacceptableError):
    """The lifetime asked for is above the profile's ceiling."""


class AuthorityRefusedError(UnacceptableError):
    """An authority cannot be made or used like this."""


class AuthorityInUseError(ConflictError):
    """The authority cannot go this way now: it still signs, or what it signed is still valid."""


class ProfileRefusedError(UnacceptableError):
    """The settings of a profile contradict one another."""


class ProfileUnknownError(UnacceptableError):
    """The profile to sign by does not exist in this project."""


class SelectorRefusedError(MalformedError):
    """A revocation names its certificates in no way, or in more than one."""


class HostRefusedError(UnacceptableError):
    """Names, groups, keys or accounts of a host break a rule, or its token is for another host."""


class HostUnknownError(UnauthenticatedError):
    """No host could be established: token, challenge, key or signature is not what it must be."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            detail
            or "No host could be established: the token is used or expired, the challenge too old, the key "
            "not one of an active host with a valid certificate, or a signature wrong. Ask for a new "
            "challenge; a host that cannot renew is enrolled again with a new token."
        )


class ProofUsedError(ConflictError):
    """A token was used, or the host has answered a later challenge; nothing was done."""


class NameTakenError(ConflictError):
    """An authority or profile of this name exists."""


class DisabledError(ConflictError):
    """The authority or profile was disabled."""


class ChangedMeanwhileError(UnavailableError):
    """The authority or profile changed while a certificate was being signed; nothing was issued."""


class WireError(ValueError):
    """Bytes that are not what the SSH protocol says they are; parsers turn it into an error of their own."""


class CertificateDefectError(InternalError):
    """A certificate of ours did not read back as it was written; it was dropped unreleased."""
