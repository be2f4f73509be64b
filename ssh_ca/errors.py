"""What the SSH authority refuses."""

from ca_service.kernel.errors import (
    ConflictError,
    InternalError,
    MalformedError,
    UnacceptableError,
    UnavailableError,
)


class UnreadablePublicKeyError(MalformedError):
    """The text is not one public key in OpenSSH's format (RFC 4253 section 6.6)."""


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


class ProfileRefusedError(UnacceptableError):
    """The settings of a profile contradict one another."""


class ProfileUnknownError(UnacceptableError):
    """The profile to sign by does not exist in this project."""


class SelectorRefusedError(MalformedError):
    """A revocation names its certificates in no way, or in more than one."""


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
