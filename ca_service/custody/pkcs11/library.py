"""A token's shared library in this process: initialized for threads, anew after a fork, again after a fault.

`python-pkcs11` initializes a library for one thread only, which would let two signatures corrupt each other.
So the library's own entry points end that and begin again with operating system locks (PKCS #11 3.0 section
5.4: C_Initialize, C_Finalize). A library that cannot lock is used by one thread at a time.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from typing import Any

from ca_service.custody.errors import KeyStoreUnavailableError

_OK = 0
_CANNOT_LOCK = 0x0A
_ALREADY_INITIALIZED = 0x191
#: How long a restart waits for calls that are inside the library, in seconds.
_LONGEST_CALL = 30.0


class _Arguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS: no locks of ours, those of the operating system."""

    _fields_ = (("mutexes", ctypes.c_void_p * 4), ("flags", ctypes.c_ulong), ("reserved", ctypes.c_void_p))


_Call = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)


class _Functions(ctypes.Structure):
    """The beginning of CK_FUNCTION_LIST."""

    _fields_ = (("version", ctypes.c_ubyte * 2), ("initialize", _Call), ("finalize", _Call))


class TokenLibrary:
    """One loaded library. `in_use` lets callers in, `restart` waits until all are out."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._changed = Condition()
        self._inside = 0
        self._generation = 0
        self._owner = 0
        self._is_restarting = False
        self._is_locking = True
        self._loaded: Any = None

    @contextmanager
    def in_use(self) -> Iterator[tuple[Any, int]]:
        """Yield the loaded library and how often it was initialized: what was opened before is void.

        Raises KeyStoreUnavailableError if it cannot be loaded.
        """
        with self._changed:
            while self._is_restarting or (self._inside and not self._is_locking):
                self._changed.wait()
            if self._owner != os.getpid():
                self._begin()
            self._inside += 1
            generation = self._generation
        try:
            yield self._loaded, generation
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def restart(self, generation: int) -> None:
        """Initialize anew, unless somebody has since `generation`. Raises KeyStoreUnavailableError."""
        with self._changed:
            if generation != self._generation or self._is_restarting:
                return
            self._is_restarting = True
            try:
                if not self._changed.wait_for(lambda: not self._inside, _LONGEST_CALL):
                    raise KeyStoreUnavailableError("A call to the key store's token does not return.")
                self._functions().finalize(None)
                self._owner = 0
                self._begin()
            finally:
                self._is_restarting = False
                self._changed.notify_all()

    def _begin(self) -> None:
        """Initialize in this process; a fork's child has none of its parent's callers."""
        if self._loaded is None:
            self._load()
        if self._owner not in {0, os.getpid()}:
            self._inside = 0
        arguments = _Arguments(flags=0x02)  # CKF_OS_LOCKING_OK
        result = self._functions().initialize(ctypes.addressof(arguments))
        if result == _CANNOT_LOCK:
            self._is_locking = False
            result = self._functions().initialize(None)
        if result not in {_OK, _ALREADY_INITIALIZED}:
            raise KeyStoreUnavailableError(
                f"The library {self._path} of a key store cannot be initialized: error {result:#x}."
            )
        self._owner = os.getpid()
        self._generation += 1

    def _load(self) -> None:
        import pkcs11

        try:
            self._loaded = pkcs11.lib(self._path)
        except pkcs11.PKCS11Error as error:
            said = str(error) or type(error).__name__
            detail = f"The library {self._path} of a key store cannot be loaded: {said}."
            raise KeyStoreUnavailableError(detail) from error
        self._functions().finalize(None)

    def _functions(self) -> Any:
        functions = ctypes.POINTER(_Functions)()
        ctypes.CDLL(self._path).C_GetFunctionList(ctypes.byref(functions))
        return functions.contents


_libraries: dict[str, TokenLibrary] = {}
_libraries_lock = Lock()


def library_at(path: str) -> TokenLibrary:
    """Return the one library of this path, shared by every store that names it; nothing is loaded yet."""
    with _libraries_lock:
        return _libraries.setdefault(path, TokenLibrary(path))
