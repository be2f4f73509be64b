"""A keyed digest of a whole operation: what idempotency keys and approvals are bound to (S10, S17)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ca_service.custody.custody import Custody
from ca_service.gate.operation import Operation
from ca_service.kernel.secret_value import SecretValue


class OperationDigest:
    """Digests operations under a subkey, since a plain hash lets secrets in them be guessed."""

    def __init__(self, custody: Custody) -> None:
        self._key = custody.mac_key("gate-operation")
        self._encoder = msgspec.json.Encoder(order="deterministic", enc_hook=_plain)

    def of(self, operation: Operation[Any]) -> bytes:
        """Return 32 bytes that are the same for operations of one class with equal fields."""
        return self._key.tag(operation_name(operation).encode() + b"\0" + self._encoder.encode(operation))


def operation_name(operation: Operation[Any]) -> str:
    """Return the name that tells an operation from all others: two may share an action."""
    return f"{operation.action}/{type(operation).__qualname__}"


def _plain(value: Any) -> Any:
    if isinstance(value, SecretValue):
        return value.reveal()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"an operation cannot hold a {type(value).__name__}")
