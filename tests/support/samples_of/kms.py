"""Samples of the KMS."""

from ca_service.kernel.secret_value import SecretValue
from secrets_core.kms.keys import KmsAlgorithm, KmsKeyChanges
from secrets_core.kms.operations import (
    CiphertextItem,
    CreateDataKeys,
    CreateKmsKey,
    DataKeyItem,
    DecryptWithKmsKey,
    DestroyKmsKey,
    DrawRandom,
    EncryptWithKmsKey,
    ListKmsKeys,
    ListKmsKeyVersions,
    MessageItem,
    PlaintextItem,
    RandomItem,
    ReadKmsKey,
    ReadKmsPublicKey,
    RestoreKmsKey,
    RewrapWithKmsKey,
    RotateKmsKey,
    ScheduleKmsKeyDeletion,
    SignatureItem,
    SignItem,
    SignWithKmsKey,
    TagItem,
    TagWithKmsKey,
    UpdateKmsKey,
    VerifyTagWithKmsKey,
    VerifyWithKmsKey,
)
from tests.support.sample import By, Knock, Sample

_BASE = "/v1/projects/{project}/kms"
_KEY = f"{_BASE}/keys/{{kms_key}}"
_PAIR = f"{_BASE}/keys/{{kms_pair}}"
_TAG_KEY = f"{_BASE}/keys/{{kms_tag_key}}"
_ENDING = f"{_BASE}/keys/{{kms_ending_key}}"
_TEXT = "c2VjcmV0"
_SECRET = SecretValue(_TEXT)

KEYS = (
    Sample(
        name="create-kms-key",
        ask=lambda t: CreateKmsKey(project=t.project, name="another", algorithm=KmsAlgorithm.ED25519),
        knock=Knock("POST", f"{_BASE}/keys", lambda _: {"name": "another", "algorithm": "ed25519"}),
    ),
    Sample(
        name="list-kms-keys",
        ask=lambda t: ListKmsKeys(project=t.project),
        knock=Knock("GET", f"{_BASE}/keys"),
    ),
    Sample(
        name="read-kms-key",
        ask=lambda t: ReadKmsKey(project=t.project, key=t.kms_key),
        knock=Knock("GET", _KEY),
    ),
    Sample(
        name="update-kms-key",
        ask=lambda t: UpdateKmsKey(project=t.project, key=t.kms_key, changes=KmsKeyChanges(is_enabled=False)),
        knock=Knock("PATCH", _KEY, lambda _: {"is_enabled": False}),
    ),
    Sample(
        name="rotate-kms-key",
        ask=lambda t: RotateKmsKey(project=t.project, key=t.kms_key),
        knock=Knock("POST", f"{_KEY}/rotate"),
    ),
    Sample(
        name="delete-kms-key",
        ask=lambda t: ScheduleKmsKeyDeletion(project=t.project, key=t.kms_key),
        knock=Knock("DELETE", _KEY),
    ),
    Sample(
        name="restore-kms-key",
        ask=lambda t: RestoreKmsKey(project=t.project, key=t.kms_ending_key),
        knock=Knock("POST", f"{_ENDING}/restore"),
    ),
    Sample(
        name="destroy-kms-key",
        ask=lambda t: DestroyKmsKey(project=t.project, key=t.kms_ending_key),
        by=By.KMS_DESTROYER,
    ),
    Sample(
        name="list-kms-key-versions",
        ask=lambda t: ListKmsKeyVersions(project=t.project, key=t.kms_key),
        knock=Knock("GET", f"{_KEY}/versions"),
    ),
    Sample(
        name="read-kms-public-key",
        ask=lambda t: ReadKmsPublicKey(project=t.project, key=t.kms_pair),
        knock=Knock("GET", f"{_PAIR}/public-key"),
    ),
)
USES = (
    Sample(
        name="encrypt-with-kms-key",
        ask=lambda t: EncryptWithKmsKey(
            project=t.project, key=t.kms_key, items=(PlaintextItem(plaintext=_SECRET),)
        ),
        knock=Knock("POST", f"{_KEY}/encrypt", lambda _: {"plaintext": _TEXT}),
    ),
    Sample(
        name="decrypt-with-kms-key",
        ask=lambda t: DecryptWithKmsKey(
            project=t.project, key=t.kms_key, items=(CiphertextItem(ciphertext=t.kms_ciphertext),)
        ),
        knock=Knock("POST", f"{_KEY}/decrypt", lambda t: {"ciphertext": t.kms_ciphertext}),
    ),
    Sample(
        name="rewrap-with-kms-key",
        ask=lambda t: RewrapWithKmsKey(
            project=t.project, key=t.kms_key, items=(CiphertextItem(ciphertext=t.kms_ciphertext),)
        ),
        knock=Knock("POST", f"{_KEY}/rewrap", lambda t: {"ciphertext": t.kms_ciphertext}),
    ),
    Sample(
        name="create-kms-data-key",
        ask=lambda t: CreateDataKeys(project=t.project, key=t.kms_key, items=(DataKeyItem(),)),
        knock=Knock("POST", f"{_KEY}/data-key", lambda _: {}),
    ),
    Sample(
        name="sign-with-kms-key",
        ask=lambda t: SignWithKmsKey(project=t.project, key=t.kms_pair, items=(SignItem(message=_SECRET),)),
        knock=Knock("POST", f"{_PAIR}/sign", lambda _: {"message": _TEXT}),
    ),
    Sample(
        name="verify-with-kms-key",
        ask=lambda t: VerifyWithKmsKey(
            project=t.project, key=t.kms_pair, items=(SignatureItem(message=_SECRET, signature=_TEXT),)
        ),
        knock=Knock("POST", f"{_PAIR}/verify", lambda _: {"message": _TEXT, "signature": _TEXT}),
    ),
    Sample(
        name="tag-with-kms-key",
        ask=lambda t: TagWithKmsKey(
            project=t.project, key=t.kms_tag_key, items=(MessageItem(message=_SECRET),)
        ),
        knock=Knock("POST", f"{_TAG_KEY}/hmac", lambda _: {"message": _TEXT}),
    ),
    Sample(
        name="verify-kms-tag",
        ask=lambda t: VerifyTagWithKmsKey(
            project=t.project, key=t.kms_tag_key, items=(TagItem(message=_SECRET, hmac=_TEXT),)
        ),
        knock=Knock("POST", f"{_TAG_KEY}/verify-hmac", lambda _: {"message": _TEXT, "hmac": _TEXT}),
    ),
    Sample(
        name="draw-random",
        ask=lambda t: DrawRandom(project=t.project, items=(RandomItem(bytes=16),)),
        knock=Knock("POST", f"{_BASE}/random", lambda _: {"bytes": 16}),
    ),
)

SAMPLES: tuple[Sample, ...] = (*KEYS, *USES)
