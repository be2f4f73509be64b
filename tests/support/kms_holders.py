"""The keys of a tenant: one of each kind, one whose wait is over, and a ciphertext."""

from typing import Any

from ca_service.custody.custody import Custody
from ca_service.database.port import Transaction
from ca_service.identity.row_macs import RowMac
from ca_service.kernel.secret_value import SecretValue
from secrets_core.kms.keys import KmsAlgorithm, KmsKey, revised
from secrets_core.kms.operations import CreateKmsKey, EncryptWithKmsKey, MadeCiphertext, PlaintextItem
from secrets_core.kms.storage.keys import TABLE, update_key
from tests.support.instance import Instance


async def make_keys(instance: Instance, slug: str, facts: dict[str, Any]) -> None:
    """Give a tenant its keys; `facts` learns their names."""
    project = facts["project"]
    algorithms = {
        "kms_key": KmsAlgorithm.AES_256_GCM,
        "kms_pair": KmsAlgorithm.EC_P256,
        "kms_tag_key": KmsAlgorithm.HMAC_SHA256,
        "kms_ending_key": KmsAlgorithm.HMAC_SHA256,
    }
    for fact, algorithm in algorithms.items():
        name = f"{slug}-{fact.replace('_', '-')}"
        made = await instance.perform(CreateKmsKey(project=project, name=name, algorithm=algorithm))
        facts[fact] = made.name
    await _end(instance, made)
    item = PlaintextItem(plaintext=SecretValue("c2VjcmV0"))
    encrypt = EncryptWithKmsKey(project=project, key=facts["kms_key"], items=(item,))
    [encrypted] = (await instance.perform(encrypt)).items
    assert isinstance(encrypted, MadeCiphertext)
    facts["kms_ciphertext"] = encrypted.ciphertext


async def _end(instance: Instance, key: KmsKey) -> None:
    """Have the wait of a key be over, which takes a week at least."""
    custody: Custody = instance.foundation.custody

    async def work(transaction: Transaction) -> None:
        ended = revised(key, transaction.now, deletes_at=transaction.now)
        assert await update_key(transaction, RowMac(custody, TABLE), ended)

    await instance.database.begin(work)
