"""Everything that the KMS contributes to the service."""

from collections.abc import Mapping
from typing import Any

from ca_service.gate.operation import Operation
from ca_service.kernel.identifiers import Identifiers
from ca_service.kernel.randomness import Randomness
from ca_service.web.module import AnyHandler, Contribution, Ground, Module
from secrets_core.kms.catalogue import Catalogue
from secrets_core.kms.destruction import Destroyer
from secrets_core.kms.handlers.change_keys import (
    DestroyKeyHandler,
    RestoreKeyHandler,
    ScheduleDeletionHandler,
    UpdateKeyHandler,
)
from secrets_core.kms.handlers.encrypt import (
    CreateDataKeysHandler,
    DecryptHandler,
    EncryptHandler,
    RewrapHandler,
)
from secrets_core.kms.handlers.make_keys import CreateKeyHandler, RotateKeyHandler
from secrets_core.kms.handlers.read_keys import (
    ListKeysReader,
    ListVersionsReader,
    ReadKeyReader,
    ReadPublicKeyHandler,
)
from secrets_core.kms.handlers.sign import (
    DrawRandomHandler,
    SignHandler,
    TagHandler,
    VerifyHandler,
    VerifyTagHandler,
)
from secrets_core.kms.http import ROUTES
from secrets_core.kms.jobs import timers
from secrets_core.kms.operations import (
    CreateDataKeys,
    CreateKmsKey,
    DecryptWithKmsKey,
    DestroyKmsKey,
    DrawRandom,
    EncryptWithKmsKey,
    ListKmsKeys,
    ListKmsKeyVersions,
    ReadKmsKey,
    ReadKmsPublicKey,
    RestoreKmsKey,
    RewrapWithKmsKey,
    RotateKmsKey,
    ScheduleKmsKeyDeletion,
    SignWithKmsKey,
    TagWithKmsKey,
    UpdateKmsKey,
    VerifyTagWithKmsKey,
    VerifyWithKmsKey,
)
from secrets_core.kms.policies import POLICIES, SCHEMA


def handlers_over(
    catalogue: Catalogue, identifiers: Identifiers, randomness: Randomness
) -> Mapping[type[Operation[Any]], AnyHandler]:
    """Return the handler of each operation."""
    return {
        CreateKmsKey: CreateKeyHandler(catalogue, identifiers),
        ListKmsKeys: ListKeysReader(catalogue),
        ReadKmsKey: ReadKeyReader(catalogue),
        UpdateKmsKey: UpdateKeyHandler(catalogue),
        RotateKmsKey: RotateKeyHandler(catalogue),
        ScheduleKmsKeyDeletion: ScheduleDeletionHandler(catalogue),
        RestoreKmsKey: RestoreKeyHandler(catalogue),
        DestroyKmsKey: DestroyKeyHandler(catalogue),
        ListKmsKeyVersions: ListVersionsReader(catalogue),
        ReadKmsPublicKey: ReadPublicKeyHandler(catalogue),
        EncryptWithKmsKey: EncryptHandler(catalogue),
        DecryptWithKmsKey: DecryptHandler(catalogue),
        RewrapWithKmsKey: RewrapHandler(catalogue),
        CreateDataKeys: CreateDataKeysHandler(catalogue),
        SignWithKmsKey: SignHandler(catalogue),
        VerifyWithKmsKey: VerifyHandler(catalogue),
        TagWithKmsKey: TagHandler(catalogue),
        VerifyTagWithKmsKey: VerifyTagHandler(catalogue),
        DrawRandom: DrawRandomHandler(randomness),
    }


def build(ground: Ground) -> Contribution:
    """Build the handlers and routes over the ground."""
    catalogue = Catalogue(ground.database, ground.custody, ground.policy)
    destroyer = Destroyer(ground.gate, ground.database, ground.identifiers)
    return Contribution(
        handlers=handlers_over(catalogue, ground.identifiers, ground.randomness),
        routes=ROUTES,
        timers=timers(destroyer),
    )


MODULE = Module(name="kms", schema=SCHEMA, policies=POLICIES, build=build)
