"""The routes that use keys: one item or a batch, one answer or as many."""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Response, post
from litestar.params import FromPath
from msgspec import Struct

from ca_service.gate.port import Outcome
from ca_service.web.door import answer, decode, perform, reads, request_id
from secrets_core.kms.http import answers, use_bodies
from secrets_core.kms.http.items import Batch, items_of, shown_batch, shown_one
from secrets_core.kms.http.place import BASE, KEY, AnyRequest
from secrets_core.kms.operations import (
    CreateDataKeys,
    DecryptWithKmsKey,
    DrawRandom,
    EncryptWithKmsKey,
    Results,
    RewrapWithKmsKey,
    SignWithKmsKey,
    TagWithKmsKey,
    VerifyTagWithKmsKey,
    VerifyWithKmsKey,
)

I = TypeVar("I", bound=Struct)  # noqa: E741 - one letter each: item, what is asked, answer, body
Q = TypeVar("Q")
A = TypeVar("A")
B = TypeVar("B")


async def _items(
    request: AnyRequest, whole: type[Any], kind: type[I], asked: Callable[[I], Q]
) -> tuple[tuple[Q, ...], bool]:
    """Return what the body asks for, and whether it is a batch."""
    items, is_batch = items_of(await decode(request, whole), kind)
    return tuple([asked(item) for item in items]), is_batch


def _answer(
    request: AnyRequest, outcome: Outcome[Results[A]], is_batch: bool, show: Callable[[A], B]
) -> Response[B | Batch[B]]:
    if is_batch:
        return answer(outcome, shown_batch(outcome.answer, show, request_id(request)))
    return answer(outcome, shown_one(outcome.answer, show))


@post(f"{KEY}/encrypt", opt=reads(use_bodies.EncryptBody), status_code=200)
async def encrypt_with_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.CiphertextBody | Batch[answers.CiphertextBody]]:
    """Encrypt under the newest version of a key."""
    items, is_batch = await _items(
        request, use_bodies.EncryptBody, use_bodies.PlaintextBody, use_bodies.plaintext_asked
    )
    operation = EncryptWithKmsKey(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.ciphertext_body)


@post(f"{KEY}/decrypt", opt=reads(use_bodies.DecryptBody), status_code=200)
async def decrypt_with_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.PlaintextAnswerBody | Batch[answers.PlaintextAnswerBody]]:
    """Decrypt what a version of a key encrypted."""
    items, is_batch = await _items(
        request, use_bodies.DecryptBody, use_bodies.CiphertextItemBody, use_bodies.ciphertext_asked
    )
    operation = DecryptWithKmsKey(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.plaintext_body)


@post(f"{KEY}/rewrap", opt=reads(use_bodies.DecryptBody), status_code=200)
async def rewrap_with_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.CiphertextBody | Batch[answers.CiphertextBody]]:
    """Encrypt anew under the newest version, without showing the plaintext."""
    items, is_batch = await _items(
        request, use_bodies.DecryptBody, use_bodies.CiphertextItemBody, use_bodies.ciphertext_asked
    )
    operation = RewrapWithKmsKey(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.ciphertext_body)


@post(f"{KEY}/data-key", opt=reads(use_bodies.CreateDataKeyBody), status_code=200)
async def create_kms_data_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.DataKeyBody | Batch[answers.DataKeyBody]]:
    """Make a key to encrypt with elsewhere, also encrypted under this one; nothing of it is kept."""
    items, is_batch = await _items(
        request, use_bodies.CreateDataKeyBody, use_bodies.DataKeyItemBody, use_bodies.data_key_asked
    )
    operation = CreateDataKeys(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.data_key_body)


@post(f"{KEY}/sign", opt=reads(use_bodies.SignBody), status_code=200)
async def sign_with_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.SignatureBody | Batch[answers.SignatureBody]]:
    """Sign a message or its digest by the newest version of a key."""
    items, is_batch = await _items(
        request, use_bodies.SignBody, use_bodies.SignItemBody, use_bodies.signing_asked
    )
    operation = SignWithKmsKey(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.signature_body)


@post(f"{KEY}/verify", opt=reads(use_bodies.VerifyBody), status_code=200)
async def verify_with_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.VerdictBody | Batch[answers.VerdictBody]]:
    """Tell whether a signature is the key's."""
    items, is_batch = await _items(
        request, use_bodies.VerifyBody, use_bodies.SignatureItemBody, use_bodies.signature_asked
    )
    operation = VerifyWithKmsKey(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.verdict_body)


@post(f"{KEY}/hmac", opt=reads(use_bodies.HmacBody), status_code=200)
async def tag_with_kms_key(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.HmacAnswerBody | Batch[answers.HmacAnswerBody]]:
    """Make the HMAC of a message by the newest version of a key."""
    items, is_batch = await _items(
        request, use_bodies.HmacBody, use_bodies.MessageBody, use_bodies.message_asked
    )
    operation = TagWithKmsKey(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.hmac_body)


@post(f"{KEY}/verify-hmac", opt=reads(use_bodies.VerifyHmacBody), status_code=200)
async def verify_kms_tag(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[answers.VerdictBody | Batch[answers.VerdictBody]]:
    """Tell in constant time whether an HMAC is the key's."""
    items, is_batch = await _items(
        request, use_bodies.VerifyHmacBody, use_bodies.HmacItemBody, use_bodies.tag_asked
    )
    operation = VerifyTagWithKmsKey(project=project, key=name, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.verdict_body)


@post(f"{BASE}/random", opt=reads(use_bodies.RandomBody), status_code=200)
async def draw_random(
    request: AnyRequest, project: FromPath[str]
) -> Response[answers.RandomAnswerBody | Batch[answers.RandomAnswerBody]]:
    """Draw random bytes."""
    items, is_batch = await _items(
        request, use_bodies.RandomBody, use_bodies.SizeBody, use_bodies.random_asked
    )
    operation = DrawRandom(project=project, items=items, is_batch=is_batch)
    return _answer(request, await perform(request, operation), is_batch, answers.random_body)


ROUTES = (
    encrypt_with_kms_key,
    decrypt_with_kms_key,
    rewrap_with_kms_key,
    create_kms_data_key,
    sign_with_kms_key,
    verify_with_kms_key,
    tag_with_kms_key,
    verify_kms_tag,
    draw_random,
)
