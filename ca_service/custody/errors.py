"""What custody refuses."""

from ca_service.config import ConfigError
from ca_service.kernel.errors import InternalError, UnacceptableError, UnavailableError


class IntegrityError(InternalError):
    """Something stored does not match its seal, its tag or its key: it was edited, swapped or damaged."""


class RootKeyError(ConfigError):
    """The root key cannot be had or is not the one of this database; the start ends with this sentence."""


class RecoveryCodeError(InternalError):
    """A recovery code has a wrong word, a wrong count of words or belongs to another database."""


class KeyFormatError(UnacceptableError):
    """A key that the format asked for cannot hold."""


class KeyStaysError(InternalError):
    """A key was asked for that its store never gives out: it signs there, and nothing else."""

    def __init__(self, store: str) -> None:
        super().__init__(f"The key lies in the key store {store}, which gives no private key out.")


class KeyStoreRefusedError(UnacceptableError):
    """No key store of that name is configured, or it cannot make such a key."""

    slug = "key_store_refused"


class KeyStoreUnavailableError(UnavailableError):
    """A key store does not answer: its token is away, refuses the PIN, or does not have the key."""

    slug = "key_store_unavailable"


class CiphertextRefusedError(UnacceptableError):
    """A ciphertext does not open under the key and the associated data it was sent with."""

    def __init__(self) -> None:
        super().__init__("The ciphertext does not open.", field="ciphertext", rule="ciphertext")


class SignatureRefusedError(UnacceptableError):
    """A signature is not the key's over what it was sent with."""

    def __init__(self) -> None:
        super().__init__("The signature does not fit.", field="signature", rule="signature")
