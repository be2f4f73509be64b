"""What all uses of a key have in common: the key is found, its use permitted, then each item is done.

One entry of the trail tells of a whole batch. Items fail one by one; a mistake of ours or a service that is
not ready fails them all.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from ca_service.gate.handler import Call, Prepared, Revealer
from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.errors import KeywrightError, Kind, MalformedError
from ca_service.policy.values import Access
from secrets_core.kms.accesses import SEE
from secrets_core.kms.catalogue import Catalogue, FoundKey
from secrets_core.kms.errors import KeyChangedError, KeyUseError
from secrets_core.kms.inputs import MOST_ITEMS
from secrets_core.kms.keys import KmsAlgorithm, KmsKey, verify_usable
from secrets_core.kms.operations import Results

I = TypeVar("I")  # noqa: E741 - one letter each: item, answer, use
A = TypeVar("A")
U = TypeVar("U", bound=ProjectOperation[Any])

#: What no item can help, and who sends it again may.
_WHOLE = frozenset({Kind.INTERNAL, Kind.UNAVAILABLE, Kind.RATE_LIMITED})
#: How many items are done before others have their turn.
_AT_ONCE = 8


class Use(Protocol):
    """What the operations that use a key have."""

    @property
    def key(self) -> str:
        """Return the name or id of the key."""

    @property
    def items(self) -> Sequence[Any]:
        """Return what it is used for."""

    @property
    def is_batch(self) -> bool:
        """Tell whether items fail one by one."""


class Asked(Struct, Generic[U], frozen=True):
    """A key as it was found, and what is asked of it."""

    found: FoundKey
    operation: U


class KeyUse(Revealer[U, Asked[U], Results[A]], Generic[U, I, A]):
    """Uses one key for one item or a batch."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    async def prepare(self, call: Call, operation: U) -> Prepared[Asked[U]]:
        """Find the key; nothing else is looked at before its use is permitted."""
        use = _use(operation)
        found = await self.catalogue.find(call.home, use.key)
        access = Access(operation.action, found.resource, SEE)
        details = {"key": found.key.name, "items": len(use.items)}
        return Prepared(Asked(found, operation), (access,), details)

    async def reveal(self, call: Call, draft: Asked[U]) -> Results[A]:
        """Do every item. Raises KeyDisabledError, KeyEndingError, KeyUseError, and those of a single item."""
        use = _use(draft.operation)
        # Again, so that the key is at least as new as the ruling: of an older one the trail knows nothing.
        found = await self.catalogue.find(call.home, use.key)
        if found.key.id != draft.found.key.id:
            raise KeyChangedError
        verify_usable(found.key)
        _verify_algorithm(found.key, self.serves(found.key.algorithm))

        async def work(item: I) -> A:
            return await self.do(found, item)

        return await run_items(use.items, use.is_batch, work)

    @abstractmethod
    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell whether keys of this algorithm do this."""

    @abstractmethod
    async def do(self, found: FoundKey, item: I) -> A:
        """Do one item."""

    def details(self, answer: Results[A]) -> Mapping[str, Any]:
        """Return which versions were used, and how many items failed."""
        return told_of(answer.items)


def told_of(items: Sequence[Any]) -> dict[str, Any]:
    """Return what the trail knows of answers: versions, failures, and signatures that were not the key's."""
    told: dict[str, Any] = {}
    versions = {item.version for item in items if hasattr(item, "version")}
    if versions:
        told["versions"] = sorted(versions)
    failed = sum(isinstance(item, KeywrightError) for item in items)
    if failed:
        told["failed"] = failed
    invalid = sum(getattr(item, "valid", True) is False for item in items)
    if invalid:
        told["invalid"] = invalid
    return told


async def run_items(items: Sequence[I], is_batch: bool, work: Callable[[I], Awaitable[A]]) -> Results[A]:
    """Return the answers in order. Without `is_batch` the error of the one item is raised."""
    verify_items(items)
    if not is_batch:
        return Results((await work(items[0]),))
    done: list[A | KeywrightError] = []
    for place, item in enumerate(items):
        if place % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        try:
            done.append(await work(item))
        except KeywrightError as error:
            if error.kind in _WHOLE:
                raise
            if error.field is not None:
                error.field = f"items[{place}].{error.field}"
            done.append(error)
    return Results(tuple(done))


def verify_items(items: Sequence[Any]) -> None:
    """Return if there are neither none nor too many. Raises MalformedError."""
    if not 1 <= len(items) <= MOST_ITEMS:
        raise MalformedError(
            f"A batch has 1 to {MOST_ITEMS} items, and this one has {len(items)}.",
            field="items",
            rule="items",
        )


def _verify_algorithm(key: KmsKey, serves: bool) -> None:
    if not serves:
        raise KeyUseError(
            f"The key {key.name} is {key.algorithm.value}: it {key.algorithm.purpose}, and does not do this. "
            "Use a key of another algorithm.",
            field="name",
            rule="key-algorithm",
        )


def _use(operation: Any) -> Use:
    used: Use = operation
    return used
