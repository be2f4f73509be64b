"""The token stores that a configuration names, checked before anything relies on them."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from ca_service.config import ConfigError, Pkcs11Config
from ca_service.custody.pkcs11.pin import PinFileError, read_pin
from ca_service.custody.pkcs11.store import Pkcs11Store
from ca_service.custody.stores import DATABASE
from ca_service.kernel.randomness import Randomness


def token_stores(settings: Mapping[str, Pkcs11Config], randomness: Randomness) -> list[Pkcs11Store]:
    """Return the stores; no token is asked yet. Raises ConfigError with what to do."""
    for name, token in settings.items():
        section = f"[custody.pkcs11.{name}]"
        if name == DATABASE:
            raise ConfigError(f"{section}: the name {DATABASE} is that of the keys in the database")
        if find_spec("pkcs11") is None:
            raise ConfigError(f"{section} needs an optional package: pip install 'keywright[pkcs11]'")
        if not Path(token.library).is_file():
            raise ConfigError(f"{section} library: there is no file {token.library}")
        try:
            read_pin(Path(token.pin_file))
        except PinFileError as error:
            raise ConfigError(f"{section} pin_file: {error}") from error
    return [Pkcs11Store(name, token, randomness) for name, token in settings.items()]
