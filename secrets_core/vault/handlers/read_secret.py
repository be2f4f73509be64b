"""Reads one secret, at its current version or another."""

from hashlib import sha256

from ca_service.gate.handler import Call, Prepared, Reader
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Access
from secrets_core.vault.accesses import UNDELETE, secret_access
from secrets_core.vault.expansion import Expander
from secrets_core.vault.operations.secrets import ReadSecret, RevealedSecret
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.sealed import open_notes, open_value
from secrets_core.vault.secrets import Secret, SecretVersion
from secrets_core.vault.storage.secrets import find_version
from secrets_core.vault.vault import Vault
from secrets_core.vault.writing import shown

#: What every reference begins with; a value without it is never looked at.
_REFERENCE = "${"


class ReadSecretReader(Reader[ReadSecret, RevealedSecret]):
    """Opens a secret for whoever may read it."""

    def __init__(self, vault: Vault, expander: Expander) -> None:
        self._vault = vault
        self._expander = expander

    async def prepare(self, call: Call, operation: ReadSecret) -> Prepared[RevealedSecret]:
        """Read and open it; ask for it, and for each secret that its references reach."""
        place = await self._vault.place(call, operation.environment, operation.path, operation.name)
        secret, version = await self._find(call, place, operation.version)
        sealer = await self._vault.custody.sealer(call.home)
        value, etag = open_value(sealer, version), str(version.version)
        accesses = _accesses(call, operation.action, place, secret)
        if operation.expand and _REFERENCE in value:
            expanded = await self._expander.expand(call, place, value)
            value, accesses = expanded.value, (*accesses, *expanded.accesses)
            # Whoever sends this back with a change means the version; whoever asks again, what was shown.
            etag = f"{etag}-{self._fingerprint(value)}"
        record = shown(place, secret, version, open_notes(sealer, version))
        revealed = RevealedSecret(record=record, value=SecretValue(value), etag=etag)
        return Prepared(revealed, accesses, {"version": version.version})

    async def _find(self, call: Call, place: SecretPlace, number: int | None) -> tuple[Secret, SecretVersion]:
        if number is None:
            found = await self._vault.find(call, place)
            if found.secret is None or not found.secret.is_live:
                raise NotFoundError("secret")
        else:
            found = await find_version(
                self._vault.database,
                self._vault.rows,
                call.home,
                place.environment.id,
                place.path,
                place.name,
                number,
            )
        if found.secret is None or found.version is None:
            raise NotFoundError("secret")
        return found.secret, found.version

    def _fingerprint(self, value: str) -> str:
        tag = self._vault.custody.mac_key("secret etags").tag(sha256(value.encode()).digest())
        return tag.hex()[:32]


def _accesses(call: Call, action: str, place: SecretPlace, secret: Secret) -> tuple[Access, ...]:
    asked = (call.home, place.environment, place.path, place.name, secret.tags)
    if secret.is_live:
        return (secret_access(action, *asked),)
    # A deleted secret is one that is not there, but for those who may bring it back.
    return tuple(secret_access(each, *asked, visible_by=UNDELETE) for each in (action, UNDELETE))
