"""Errors of the database that other packages may handle."""

from ca_service.kernel.errors import ConflictError, InternalError


class UniqueViolationError(ConflictError):
    """A row with the same unique value exists already; `constraint` names the columns or the constraint."""

    def __init__(self, constraint: str) -> None:
        super().__init__("This exists already; choose another name or use the one that exists.")
        self.constraint = constraint


class StillReferredToError(ConflictError):
    """Other rows still refer to the one that was to go, or the one that is referred to is not there."""

    def __init__(self) -> None:
        super().__init__("Other things still belong to this; remove them first.")


class MigrationError(InternalError):
    """The schema could not be brought up to date; `detail` is one sentence for the person who starts us."""


class BackupError(InternalError):
    """A backup could not be made or restored; `detail` is one sentence for the person who asked."""
