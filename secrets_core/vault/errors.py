"""What the vault refuses."""

from ca_service.kernel.errors import (
    ConflictError,
    InternalError,
    PreconditionError,
    UnacceptableError,
)


class VersionMismatchError(PreconditionError):
    """The secret is not at the version that the request asks for."""


class SecretTakenError(ConflictError):
    """A secret of this name, perhaps a deleted one, is in the folder already."""


class FolderTakenError(ConflictError):
    """A folder of this path, perhaps a deleted one, exists already."""


class FolderNotEmptyError(ConflictError):
    """The folder holds secrets or folders, and nobody said that they go with it."""


class FolderTooLargeError(UnacceptableError):
    """The folder holds too much to be deleted or renamed as one."""


class ChangedMeanwhileError(ConflictError):
    """What was asked about changed while the request ran; nothing was done."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The {what} was changed while this ran, and nothing was done. Send it again.")


class VersionDestroyedError(ConflictError):
    """The version's value is gone for good."""


class NotDeletedError(ConflictError):
    """Only a deleted secret can be brought back."""


class VersionInUseError(ConflictError):
    """The current version of a secret that is not deleted cannot be destroyed."""


class ChangesRefusedError(UnacceptableError):
    """The changes of one commit contradict one another, or are none, or are too many."""


class ImportTakenError(ConflictError):
    """The folder imports that place already."""


class ImportRefusedError(UnacceptableError):
    """A folder cannot import this, or not so many."""


class VersionMissingError(InternalError):
    """The row of a current version is gone: the database was changed outside."""
