"""Every idempotent operation can be replayed: its answer can be sealed and read back (S10)."""

from typing import Any

import msgspec
import pytest

from ca_service.composition import MODULES
from ca_service.gate.kept_answers import _hide, answer_type
from ca_service.gate.operation import Operation


def kinds_of(operation: Any) -> list[Any]:
    found: list[Any] = [operation]
    for child in operation.__subclasses__():
        found += kinds_of(child)
    return found


IDEMPOTENT = [
    kind
    for kind in kinds_of(Operation)
    if kind.idempotent and kind.__module__.startswith(("ca_service.", "acme.", "ssh_ca.", "secrets_core."))
]


def test_the_modules_have_idempotent_operations() -> None:
    assert MODULES
    known = {"IssueCertificate", "IssueSshCertificate", "CreateKmsKey", "CreateLease", "CommitChanges"}
    assert known <= {kind.__name__ for kind in IDEMPOTENT}


@pytest.mark.parametrize("operation", IDEMPOTENT, ids=lambda kind: kind.__name__)
def test_an_answer_can_be_read_back(operation: Any) -> None:
    answer = answer_type(operation)
    assert issubclass(answer, msgspec.Struct)
    msgspec.msgpack.Decoder(answer, dec_hook=_hide)


@pytest.mark.parametrize("operation", IDEMPOTENT, ids=lambda kind: kind.__name__)
def test_an_answer_names_what_was_made(operation: Any) -> None:
    answer = answer_type(operation)
    parts = [field.type for field in msgspec.structs.fields(answer)]
    structs = [part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)]
    assert any("id" in kind.__struct_fields__ for kind in (answer, *structs))
