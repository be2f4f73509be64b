"""What custody refuses."""

from ca_service.config import ConfigError
from ca_service.kernel.errors import InternalError


class IntegrityError(InternalError):
    """Something stored does not match its seal, its tag or its key: it was edited, swapped or damaged."""


class RootKeyError(ConfigError):
    """The root key cannot be had or is not the one of this database; the start ends with this sentence."""


class RecoveryCodeError(InternalError):
    """A recovery code has a wrong word, a wrong count of words or belongs to another database."""
