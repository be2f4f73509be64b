"""The root key: where it comes from, how its file is made, and how the wrong one is refused.

Sources: `file` (`DATA/root-key`), `file:/path`, `env:NAME`. In a file it stands as 64 hexadecimal characters,
as base64 or as 32 raw bytes; in a variable as one of the first two.
"""

import binascii
import os
import stat
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path

from ca_service.custody import storage
from ca_service.custody.derivation import KEY_SIZE, MacKey, canonical, derive
from ca_service.custody.errors import IntegrityError, RootKeyError
from ca_service.database.port import Database, Transaction
from ca_service.kernel.clock import to_microseconds
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue


class RootKey:
    """The 32 bytes that everything else hangs under; in memory only."""

    __slots__ = ("_key",)

    def __init__(self, key: SecretValue[bytes]) -> None:
        if len(key.reveal()) != KEY_SIZE:
            raise RootKeyError("the root key must be 32 bytes")
        self._key = key

    def __repr__(self) -> str:
        return "RootKey(hidden)"

    @property
    def id(self) -> str:
        """Return the fingerprint that the database knows this key by; not a secret."""
        return self.derive("root key id")[:16].hex()

    def derive(self, *purpose: str | int | bytes) -> bytes:
        """Return the subkey for a purpose."""
        return derive(self._key.reveal(), *purpose)

    def reveal(self) -> SecretValue[bytes]:
        """Return the key itself, for slots that wrap it."""
        return self._key

    def tag(self) -> bytes:
        """Return the proof that the row of `custody_roots` was written by who held this key."""
        return self._check().tag(canonical("custody_roots", self.id))

    def verify(self, tag: bytes) -> None:
        """Return if `tag` is this key's. Raises IntegrityError."""
        self._check().verify(canonical("custody_roots", self.id), tag)

    def _check(self) -> MacKey:
        return MacKey(self.derive("root key check"))


async def open_root_key(
    database: Database, source: str, data: Path, variables: Mapping[str, str], randomness: Randomness
) -> RootKey:
    """Return the root key of this database, made now if the database is new and the source is a file.

    Raises RootKeyError, with the sentence for the person who starts the service, if the key is missing, is
    not this database's, cannot be read, or lies in a file that others may read.
    """
    known = await storage.find_root(database)
    root = _load(source, data, variables, randomness, may_create=known is None)
    if known is None:

        async def tie(transaction: Transaction) -> None:
            await storage.insert_root(transaction, root.id, root.tag(), to_microseconds(transaction.now))

        await database.begin(tie)
        known = await storage.find_root(database)
        assert known is not None, "the row was just written"
    _verify_belongs(root, known, source)
    return root


def _verify_belongs(root: RootKey, known: tuple[str, bytes], source: str) -> None:
    key_id, tag = known
    if key_id != root.id:
        raise RootKeyError(
            f"the root key from `{source}` is not the one of this database (it needs the key with id "
            f"{key_id}, this one is {root.id}): put the right key back, or point [custody] root_key at it"
        )
    try:
        root.verify(tag)
    except IntegrityError as error:
        raise RootKeyError(
            "the database's record of its root key was changed outside Keywright: restore the database from "
            "a backup"
        ) from error


def _load(
    source: str, data: Path, variables: Mapping[str, str], randomness: Randomness, *, may_create: bool
) -> RootKey:
    kind, _, rest = source.partition(":")
    if kind == "env" and rest:
        text = variables.get(rest)
        if text is None:
            raise RootKeyError(
                f"the root key should be in the environment variable {rest}, which is not set: set it to the "
                "64 hexadecimal characters of the key"
            )
        return RootKey(_parse(text.encode(), f"the environment variable {rest}"))
    if source == "file":
        path = data / "root-key"
    elif kind == "file" and rest:
        path = Path(rest).expanduser().absolute()
    else:
        raise RootKeyError(f"[custody] root_key is `{source}`: it must be `file`, `file:/path` or `env:NAME`")
    if may_create and not path.exists():
        _create_file(path, randomness)
    return RootKey(_read_file(path))


def _create_file(path: Path, randomness: Randomness) -> None:
    """Write a new key: whole and durable under its name, or not at all. An existing file is left alone."""
    unfinished = path.with_name(f".{path.name}.{randomness.token_bytes(8).hex()}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, randomness.token_bytes(KEY_SIZE).hex().encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            # A link, unlike a rename, never replaces the key that another process made in the meantime.
            os.link(unfinished, path)
        except FileExistsError:
            return
        finally:
            unfinished.unlink()
        _sync_directory(path.parent)
    except OSError as error:
        raise RootKeyError(f"cannot write the root key to {path}: {error.strerror}") from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_file(path: Path) -> SecretValue[bytes]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(1024)
    except FileNotFoundError:
        raise RootKeyError(
            f"the database was made with a root key, but {path} does not exist: bring that file from the "
            "machine or the backup that has it, name its place with [custody] root_key = `file:/path` or "
            "`env:NAME`, or use your recovery code"
        ) from None
    except OSError as error:
        raise RootKeyError(f"cannot read the root key from {path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise RootKeyError(f"the root key {path} is not a file")
    if status.st_mode & 0o077:
        raise RootKeyError(f"the root key file {path} may be read by others: run `chmod 600 {path}`")
    return _parse(raw, str(path))


def _parse(raw: bytes, where: str) -> SecretValue[bytes]:
    if len(raw) == KEY_SIZE:
        return SecretValue(raw)
    text = raw.strip()
    try:
        key = (
            bytes.fromhex(text.decode("ascii"))
            if len(text) == 2 * KEY_SIZE
            else b64decode(text, validate=True)
        )
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_SIZE:
        raise RootKeyError(
            f"what stands in {where} is not a root key: it must be 64 hexadecimal characters, or 32 "
            "bytes in base64"
        )
    return SecretValue(key)
