"""Keys in memory (S22): no core dump, no reader of /proc/PID/mem, no swap; and TLS keys without a file.

Python cannot wipe memory; none of this promises that.
"""

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from ca_service.kernel.secret_value import SecretValue

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


class MemoryProtection(Struct, frozen=True):
    """What the operating system granted."""

    makes_no_core: bool
    is_unreadable_by_others: bool
    is_never_swapped: bool


def protect_memory() -> MemoryProtection:
    """Protect this process and those it will fork; call it before the first key is read."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    system = ctypes.CDLL(None, use_errno=True)
    is_unreadable = system.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    return MemoryProtection(
        makes_no_core=True, is_unreadable_by_others=is_unreadable, is_never_swapped=_lock(system)
    )


def _lock(system: ctypes.CDLL) -> bool:
    """Lock pages as they come into use, so that nothing is brought in just to be locked.

    Under a finite limit it is not tried: the lock would hold now, and an allocation later would fail.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
        soft = hard
    if soft != resource.RLIM_INFINITY:
        return False
    return bool(system.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)


@contextmanager
def tls_key_file(pem: SecretValue[str]) -> Iterator[str]:
    """Lend a path at which OpenSSL reads the key, from memory and only by this process."""
    descriptor = os.memfd_create("tls-key", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem.reveal().encode("ascii"))
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
