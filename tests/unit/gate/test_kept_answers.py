"""What is kept for a replay comes back as it was, and only to whom it belongs."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from ca_service.custody.errors import IntegrityError
from ca_service.gate.kept_answers import (
    KeptAnswer,
    answer_type,
    decode_kept_answer,
    encode_kept_answer,
    made_id,
)
from ca_service.gate.operation import Operation
from ca_service.gate.storage import Scope
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Access, Entity, Resource
from tests.support.fakes.gate import OTHER_TENANT, TENANT
from tests.support.gate_samples import MakeThing, Reset, Thing

SCOPE = Scope(TENANT, 'Identity::"idn_alice"', "sample:make/MakeThing", "key-1")
THING = Thing("thg_1", SecretValue("s3cret"), timedelta(minutes=90))
ACCESS = Access(
    "sample:make",
    Resource(Entity("Thing", "thg_1"), "thing", TENANT, {"size": 3, "ttl": timedelta(hours=1)}),
    "sample:see",
    {"name": {"kind": "dns", "wildcard": False}, "list": ["a", "b"], "ttl": timedelta(days=2)},
    timedelta(microseconds=1),
    "name",
)
KEPT = KeptAnswer((ACCESS,), THING, "aud_1")


def test_answer_and_accesses_come_back_as_they_were() -> None:
    document = encode_kept_answer(SCOPE, b"digest", KEPT)
    assert decode_kept_answer(SCOPE, b"digest", MakeThing, document) == KEPT


@pytest.mark.parametrize(
    ("scope", "digest"),
    [
        (msgspec.structs.replace(SCOPE, caller='Identity::"idn_bob"'), b"digest"),
        (msgspec.structs.replace(SCOPE, tenant=OTHER_TENANT), b"digest"),
        (msgspec.structs.replace(SCOPE, key="key-2"), b"digest"),
        (SCOPE, b"other digest"),
    ],
)
def test_an_answer_opens_for_its_own_request_only(scope: Scope, digest: bytes) -> None:
    document = encode_kept_answer(SCOPE, b"digest", KEPT)
    with pytest.raises(IntegrityError):
        decode_kept_answer(scope, digest, MakeThing, document)


def test_an_answer_that_cannot_be_written_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        encode_kept_answer(SCOPE, b"digest", KeptAnswer((), object(), "aud_1"))


def test_the_type_of_an_answer_is_read_from_the_operation() -> None:
    assert answer_type(MakeThing) is Thing
    assert answer_type(Reset) is str


def test_an_operation_without_an_answer_type_is_a_mistake_of_ours() -> None:
    untold: Any = type("Untold", (object,), {})
    with pytest.raises(TypeError):
        answer_type(untold)
    assert issubclass(MakeThing, Operation)


class Pair(Struct, frozen=True):
    note: str
    thing: Thing


@pytest.mark.parametrize(
    ("answer", "expected"), [(THING, "thg_1"), (Pair("x", THING), "thg_1"), ("text", ""), (None, "")]
)
def test_the_id_of_what_was_made_is_found_in_the_answer(answer: object, expected: str) -> None:
    assert made_id(answer) == expected
