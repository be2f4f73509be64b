"""The material of versions: made in custody, sealed for its row, and shown to nobody."""

from datetime import datetime

from ca_service.custody.custody import Custody
from ca_service.custody.public_keys import public_key_der
from secrets_core.kms.keys import KeyVersion, KmsKey, record_of


async def make_version(custody: Custody, key: KmsKey, now: datetime, by: str) -> KeyVersion:
    """Return fresh material for the newest version of a key, not written down yet; RSA takes seconds."""
    pair, record = key.algorithm.pair, record_of(key.id, key.version)
    if pair is None:
        public_key, sealed = b"", await custody.seal_symmetric_key(key.tenant, record)
    else:
        generated = await custody.generate(pair)
        public_key = public_key_der(generated.public_key)
        sealed = await custody.seal_leaf_key(key.tenant, record, generated)
    return KeyVersion(
        tenant=key.tenant,
        key=key.id,
        version=key.version,
        public_key=public_key,
        sealed=sealed,
        created_at=now,
        created_by=by,
    )
