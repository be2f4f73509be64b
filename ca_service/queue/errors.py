"""Errors of the queue."""

from ca_service.kernel.errors import InternalError


class UnknownJobError(InternalError):
    """A job of a kind for which this release has no handler."""


class AbandonedJobError(InternalError):
    """A job whose every process died before it could say what came of it."""
