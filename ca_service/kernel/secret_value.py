"""A wrapper that keeps a secret out of logs, tracebacks and reprs (S22)."""

import hmac
from typing import Generic, TypeVar

V = TypeVar("V", str, bytes)


class SecretValue(Generic[V]):
    """A secret whose `repr`, `str` and format are a fixed text; `reveal` is the one way to the value."""

    __slots__ = ("_value",)

    _value: V

    def __init__(self, value: V) -> None:
        self._value = value

    def reveal(self) -> V:
        """Return the secret; call this only where it leaves for its rightful receiver."""
        return self._value

    def __repr__(self) -> str:
        return "SecretValue(hidden)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretValue):
            return NotImplemented
        return hmac.compare_digest(_as_bytes(self._value), _as_bytes(other._value))

    def __hash__(self) -> int:
        return hash(("SecretValue", self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret value is not pickled")


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
