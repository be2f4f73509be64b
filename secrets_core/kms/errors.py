"""What the KMS refuses."""

from ca_service.kernel.errors import ConflictError, UnacceptableError, UnavailableError


class KeyNameTakenError(ConflictError):
    """A key of this name exists in the project."""

    def __init__(self, *, field: str = "name") -> None:
        super().__init__(
            "A key of this name exists in the project; choose another name.", field=field, rule="name-taken"
        )


class KeyDisabledError(ConflictError):
    """The key is disabled: it does nothing until it is enabled again."""


class KeyEndingError(ConflictError):
    """The key is scheduled for deletion, or it is not and should be."""


class KeyChangedError(UnavailableError):
    """The key changed while it was being changed; nothing was done."""

    def __init__(self) -> None:
        super().__init__("The key was changed by somebody else just now; nothing was done. Send it again.")


class KeyUseError(UnacceptableError):
    """The key's algorithm does not do this, or not like this."""


class KeyVersionError(UnacceptableError):
    """The key has no such version, or refuses versions as old as this."""


class InputRefusedError(UnacceptableError):
    """A ciphertext, a digest or a setting breaks a rule."""
