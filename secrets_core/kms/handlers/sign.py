"""Signs, tags, verifies both, and draws random bytes."""

from collections.abc import Mapping
from typing import Any

from ca_service.custody.errors import SignatureRefusedError
from ca_service.custody.raw_signatures import verify_signature
from ca_service.gate.handler import Call, Prepared, Revealer
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from secrets_core.kms.accesses import project_access
from secrets_core.kms.catalogue import FoundKey
from secrets_core.kms.handlers.key_uses import KeyUse, run_items, told_of
from secrets_core.kms.inputs import (
    MOST_SIGNATURE,
    parse_bytes,
    parse_random_size,
    parse_scheme,
    parse_secret,
    parse_signed,
)
from secrets_core.kms.keys import KmsAlgorithm, KmsKey, verify_version
from secrets_core.kms.operations import (
    DrawRandom,
    MadeRandom,
    MadeSignature,
    MadeTag,
    MessageItem,
    RandomItem,
    Results,
    SignatureItem,
    SignItem,
    SignWithKmsKey,
    TagItem,
    TagWithKmsKey,
    Verdict,
    VerifyTagWithKmsKey,
    VerifyWithKmsKey,
)


class SignHandler(KeyUse[SignWithKmsKey, SignItem, MadeSignature]):
    """Signs by the newest version."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell key pairs."""
        return algorithm.pair is not None

    async def do(self, found: FoundKey, item: SignItem) -> MadeSignature:
        """Sign one message or digest."""
        key = found.key
        scheme = parse_scheme(key, item.signature_algorithm)
        data, is_digest = parse_signed(scheme, item.message, item.digest)
        signer = await self.catalogue.signer(found, key.version)
        return MadeSignature(await signer.sign(scheme, data, is_digest=is_digest), key.version, scheme)


class VerifyHandler(KeyUse[VerifyWithKmsKey, SignatureItem, Verdict]):
    """Verifies by the version that is named, or the newest."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell key pairs."""
        return algorithm.pair is not None

    async def do(self, found: FoundKey, item: SignatureItem) -> Verdict:
        """Verify one signature."""
        version = _version_of(found.key, item.version)
        scheme = parse_scheme(found.key, item.signature_algorithm)
        data, is_digest = parse_signed(scheme, item.message, item.digest)
        signature = parse_bytes(item.signature, field="signature", most=MOST_SIGNATURE)
        public_key = await self.catalogue.public_key(found, version)
        try:
            verify_signature(public_key, scheme, data, signature, is_digest=is_digest)
        except SignatureRefusedError:
            return Verdict(valid=False, version=version)
        return Verdict(valid=True, version=version)


class TagHandler(KeyUse[TagWithKmsKey, MessageItem, MadeTag]):
    """Tags by the newest version."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell HMAC-SHA256."""
        return algorithm is KmsAlgorithm.HMAC_SHA256

    async def do(self, found: FoundKey, item: MessageItem) -> MadeTag:
        """Tag one message."""
        message = parse_secret(item.message, field="message")
        opened = await self.catalogue.tag_key(found, found.key.version)
        return MadeTag(opened.tag(message), found.key.version)


class VerifyTagHandler(KeyUse[VerifyTagWithKmsKey, TagItem, Verdict]):
    """Verifies tags by the version that is named, or the newest."""

    def serves(self, algorithm: KmsAlgorithm) -> bool:
        """Tell HMAC-SHA256."""
        return algorithm is KmsAlgorithm.HMAC_SHA256

    async def do(self, found: FoundKey, item: TagItem) -> Verdict:
        """Verify one tag."""
        version = _version_of(found.key, item.version)
        message = parse_secret(item.message, field="message")
        tag = parse_bytes(item.hmac, field="hmac", most=MOST_SIGNATURE)
        opened = await self.catalogue.tag_key(found, version)
        return Verdict(valid=opened.is_tag_of(message, tag), version=version)


class DrawRandomHandler(Revealer[DrawRandom, DrawRandom, Results[MadeRandom]]):
    """Draws random bytes."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness

    async def prepare(self, call: Call, operation: DrawRandom) -> Prepared[DrawRandom]:
        """Ask whether the caller may."""
        access = project_access(operation.action, call.home)
        return Prepared(operation, (access,), {"items": len(operation.items)})

    async def reveal(self, call: Call, draft: DrawRandom) -> Results[MadeRandom]:
        """Draw what every item asks for."""
        del call
        return await run_items(draft.items, draft.is_batch, self._draw)

    async def _draw(self, item: RandomItem) -> MadeRandom:
        return MadeRandom(SecretValue(self._randomness.token_bytes(parse_random_size(item.bytes))))

    def details(self, answer: Results[MadeRandom]) -> Mapping[str, Any]:
        """Return how many items failed."""
        return told_of(answer.items)


def _version_of(key: KmsKey, asked: int | None) -> int:
    version = key.version if asked is None else asked
    verify_version(key, version, field="version")
    return version
