"""A key store on a PKCS #11 token: keys are made there, stay there, and sign there."""

from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.serialization import load_der_public_key
from msgspec import Struct

from ca_service.config import Pkcs11Config
from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.custody.errors import IntegrityError, KeyStoreRefusedError, KeyStoreUnavailableError
from ca_service.custody.generation import GeneratedKey
from ca_service.custody.key_stores import OpenedKey
from ca_service.custody.pkcs11.generation import make_key_pair
from ca_service.custody.pkcs11.keys import token_key
from ca_service.custody.pkcs11.sessions import TokenSession, TokenSessions
from ca_service.custody.public_keys import public_key_der
from ca_service.custody.threads import SigningThreads
from ca_service.custody.withheld_keys import PrivateKey, PublicKey
from ca_service.kernel.errors import UnavailableError
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue

_ID_SIZE = 16
_SIGNING_SECONDS = 15.0
#: RSA-4096 takes some tokens a minute.
_MAKING_SECONDS = 120.0
_ASKING_SECONDS = 5.0


class TokenHandle(Struct, frozen=True):
    """What custody seals of a key on a token: where it lies, its id there, and which public key it has."""

    store: str
    key_id: bytes
    public_key_hash: bytes


class Pkcs11Store:
    """Makes and finds keys on one token."""

    def __init__(self, name: str, settings: Pkcs11Config, randomness: Randomness) -> None:
        self._name = name
        self._randomness = randomness
        self._sessions = TokenSessions(name, settings)
        at_once, what = settings.sessions, f"the key store {name}"
        self._signing = SigningThreads(what, at_once=at_once, patience=_SIGNING_SECONDS)
        self._making = SigningThreads(what, at_once=1, patience=_MAKING_SECONDS)
        self._asking = SigningThreads(what, at_once=1, patience=_ASKING_SECONDS)

    @property
    def name(self) -> str:
        """Return the name that the configuration gives it."""
        return self._name

    async def generate(self, algorithm: KeyAlgorithm) -> GeneratedKey:
        """Return a fresh key on the token. Raises KeyStoreRefusedError or KeyStoreUnavailableError."""
        key_id = self._randomness.token_bytes(_ID_SIZE)
        public_key = await self._making.run(self._make, algorithm, key_id)
        handle = TokenHandle(self._name, key_id, sha256(public_key_der(public_key)).digest())
        return GeneratedKey(
            algorithm,
            self._key(public_key, key_id),
            store=self._name,
            handle=msgspec.json.encode(handle),
            threads=self._signing,
        )

    async def open(self, algorithm: KeyAlgorithm, public_key: bytes, kept: SecretValue[bytes]) -> OpenedKey:
        """Return the key; the token is asked when it signs. Raises IntegrityError."""
        del algorithm
        try:
            handle = msgspec.json.decode(kept.reveal(), type=TokenHandle)
        except msgspec.DecodeError:
            raise _changed() from None
        if handle.store != self._name or handle.public_key_hash != sha256(public_key).digest():
            raise _changed()
        key = load_der_public_key(public_key)
        assert isinstance(key, PublicKey), "it was sealed with a key that custody made"
        return OpenedKey(self._key(key, handle.key_id), self._signing)

    async def trouble(self) -> str | None:
        """Return why the token does not answer, if it does not."""
        try:
            await self._asking.run(self._sessions.run, _nothing)
        except (KeyStoreUnavailableError, KeyStoreRefusedError) as error:
            return error.detail
        except UnavailableError:
            return f"The key store {self._name} does not answer within {_ASKING_SECONDS:.0f} seconds."
        return None

    def _make(self, algorithm: KeyAlgorithm, key_id: bytes) -> PublicKey:
        # Asked first, so that a token that has failed is opened anew before a key is made. That is done once:
        # a second try after an answer that was lost would leave two pairs under one id.
        self._sessions.run(_nothing)
        return self._sessions.run(lambda session: make_key_pair(session, algorithm, key_id), tries=1)

    def _key(self, public_key: PublicKey, key_id: bytes) -> PrivateKey:
        def sign(mechanism: str, data: bytes) -> bytes:
            return self._sessions.run(lambda session: _sign(session, key_id, mechanism, data))

        return token_key(public_key, sign)


def _sign(session: TokenSession, key_id: bytes, mechanism: str, data: bytes) -> bytes:
    from pkcs11 import Mechanism

    return bytes(session.private_key(key_id).sign(data, mechanism=Mechanism[mechanism]))


def _nothing(session: TokenSession) -> None:
    """Ask the token for nothing but an answer."""
    session.raw.token.slot.get_token()


def _changed() -> IntegrityError:
    return IntegrityError(
        "A kept key is not what its row says: the row was changed, or of another key store."
    )
