"""The secrets of channels: signing secrets that we make, passwords that we are given; sealed by custody."""

from base64 import b64encode

from ca_service.custody.custody import Custody
from ca_service.custody.sealing import RecordName
from ca_service.kernel.randomness import Randomness
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import Tenant
from ca_service.x509.channels import TABLE, Channel

#: How the Standard Webhooks specification marks a signing secret.
MARK = "whsec_"
_SECRET_BYTES = 32


class ChannelSecrets:
    """Makes, seals and opens them."""

    def __init__(self, custody: Custody, randomness: Randomness) -> None:
        self._custody = custody
        self._randomness = randomness

    def make(self) -> SecretValue[str]:
        """Return a new signing secret."""
        return SecretValue(MARK + b64encode(self._randomness.token_bytes(_SECRET_BYTES)).decode("ascii"))

    async def seal(self, tenant: Tenant, channel_id: str, version: int, secret: SecretValue[str]) -> bytes:
        """Return a secret sealed for the version of the channel that it is given to.

        The version stands in front: the secret outlives changes that do not replace it.
        """
        sealer = await self._custody.sealer(tenant)
        sealed = sealer.seal(RecordName(TABLE, channel_id, version), secret.reveal().encode())
        return version.to_bytes(8, "big") + sealed

    async def open(self, channel: Channel) -> SecretValue[str] | None:
        """Return the secret of a channel, None if it has none. Raises IntegrityError."""
        if channel.sealed is None:
            return None
        version = int.from_bytes(channel.sealed[:8], "big")
        sealer = await self._custody.sealer(channel.tenant)
        return SecretValue(sealer.open(RecordName(TABLE, channel.id, version), channel.sealed[8:]).decode())
