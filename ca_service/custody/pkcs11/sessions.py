"""Sessions with one token: so many at once, logged in, and opened anew after the token failed."""

import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any, TypeVar

from ca_service.config import Pkcs11Config
from ca_service.custody.errors import KeyStoreRefusedError, KeyStoreUnavailableError
from ca_service.custody.pkcs11.library import library_at
from ca_service.custody.pkcs11.pin import PinFileError, read_pin

T = TypeVar("T")

_MOST_FOUND = 256

#: What a token says about the request and not about itself: asking again changes nothing.
_REFUSALS = frozenset(
    {
        "AttributeReadOnly",
        "AttributeTypeInvalid",
        "AttributeValueInvalid",
        "DataInvalid",
        "DataLenRange",
        "DomainParamsInvalid",
        "FunctionNotSupported",
        "KeySizeRange",
        "KeyTypeInconsistent",
        "MechanismInvalid",
        "MechanismParamInvalid",
        "TemplateIncomplete",
        "TemplateInconsistent",
        "TokenWriteProtected",
    }
)
#: What a restart does not mend either: somebody has to do something.
_NOT_MENDED = frozenset({"MultipleObjectsReturned", "MultipleTokensReturned"})
_MISSING = "NoSuchKey"
#: How often a key that is missing may cost everybody's sessions, in seconds: it may be there after a restart.
_SEARCHED_EVERY = 5.0
_OF_THE_PIN = frozenset(
    {"PinExpired", "PinIncorrect", "PinInvalid", "PinLenRange", "PinLocked", "UserPinNotInitialized"}
)


class TokenSession:
    """A session of python-pkcs11, with the private keys that were found in it by their ids."""

    __slots__ = ("_found", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self._found: dict[bytes, Any] = {}

    def private_key(self, key_id: bytes) -> Any:
        """Return the key's handle, which lives as long as the session."""
        found = self._found.get(key_id)
        if found is None:
            from pkcs11 import ObjectClass

            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            found = self.raw.get_key(object_class=ObjectClass.PRIVATE_KEY, id=key_id)
            self._found[key_id] = found
        return found


class TokenSessions:
    """Lends sessions with the token that a configuration names. For threads, never for the event loop.

    After a fault of the token its library is initialized anew, which ends every session, and the work is done
    once more. A PIN that was refused is not tried again: tokens lock themselves after a few wrong ones.
    """

    def __init__(
        self, name: str, settings: Pkcs11Config, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._settings = settings
        self._library = library_at(settings.library)
        self._places = BoundedSemaphore(settings.sessions)
        self._lock = Lock()
        self._idle: list[TokenSession] = []
        self._generation = 0
        self._has_login = False
        self._refused_pin: bytes | None = None
        self._monotonic = monotonic
        self._searched_at: float | None = None

    def run(self, work: Callable[[TokenSession], T], *, tries: int = 2) -> T:
        """Return what `work` makes of a session; after a fault of the token it is tried once more.

        Raises KeyStoreUnavailableError if it fails again, KeyStoreRefusedError if the token refuses the work.
        """
        with self._places:
            for _ in range(tries - 1):
                try:
                    return self._once(work)
                except _LostError as lost:
                    self._library.restart(lost.generation)
            try:
                return self._once(work)
            except _LostError as lost:
                raise self._unavailable(lost.said) from lost.__cause__

    def _once(self, work: Callable[[TokenSession], T]) -> T:
        import pkcs11

        with self._library.in_use() as (library, generation), self._translated(generation):
            session = self._take(library, generation)
            is_good = True
            try:
                return work(session)
            except pkcs11.PKCS11Error as error:
                is_good = type(error).__name__ in _REFUSALS | _NOT_MENDED | {_MISSING}
                raise
            finally:
                if is_good:
                    self._give_back(session, generation)

    @contextmanager
    def _translated(self, generation: int) -> Iterator[None]:
        import pkcs11

        try:
            yield
        except pkcs11.PKCS11Error as error:
            kind = type(error).__name__
            if kind in _REFUSALS:
                detail = f"The token of the key store {self._name} cannot do this: {kind}."
                raise KeyStoreRefusedError(detail, rule="key-store") from error
            if kind in _NOT_MENDED or kind in _OF_THE_PIN or (kind == _MISSING and not self._may_search()):
                raise self._unavailable(_said(error)) from error
            raise _LostError(generation, _said(error)) from error

    def _may_search(self) -> bool:
        now = self._monotonic()
        with self._lock:
            if self._searched_at is not None and now - self._searched_at < _SEARCHED_EVERY:
                return False
            self._searched_at = now
            return True

    def _take(self, library: Any, generation: int) -> TokenSession:
        with self._lock:
            if generation != self._generation:  # the library's restart ended them all
                self._idle.clear()
                self._has_login = False
                self._generation = generation
            if self._idle:
                return self._idle.pop()
            token = library.get_token(token_label=self._settings.token_label)
            if self._has_login:  # a login counts for every session with the token
                return TokenSession(token.open(rw=True))
            return TokenSession(self._logged_in(token))

    def _logged_in(self, token: Any) -> Any:
        import pkcs11

        try:
            pin = read_pin(Path(self._settings.pin_file)).reveal()
        except PinFileError as error:
            raise self._unavailable(str(error)) from error
        digest = sha256(pin.encode()).digest()
        if self._refused_pin is not None and hmac.compare_digest(digest, self._refused_pin):
            raise self._unavailable(f"its PIN was refused; put the right one into {self._settings.pin_file}")
        try:
            session = token.open(rw=True, user_pin=pin)
        except pkcs11.UserAlreadyLoggedIn:  # by another store on the same token
            session = token.open(rw=True)
        except pkcs11.PKCS11Error as error:
            if type(error).__name__ in _OF_THE_PIN:
                self._refused_pin = digest
            raise
        self._has_login = True
        self._refused_pin = None
        return session

    def _give_back(self, session: TokenSession, generation: int) -> None:
        with self._lock:
            if generation == self._generation:
                self._idle.append(session)

    def _unavailable(self, why: str) -> KeyStoreUnavailableError:
        return KeyStoreUnavailableError(f"The key store {self._name} does not answer: {why}.")


class _LostError(Exception):
    """The token or its library failed, in this generation of the library."""

    def __init__(self, generation: int, said: str) -> None:
        super().__init__(said)
        self.generation = generation
        self.said = said


def _said(error: Exception) -> str:
    """Return what the token said; python-pkcs11 has a class for each answer and seldom a text."""
    kind = type(error).__name__
    if kind == "NoSuchKey":
        return "its token does not have the key"
    if kind == "NoSuchToken":
        return "no token of the configured label is present"
    return f"its token says {kind}"
