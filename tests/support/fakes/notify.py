"""A way out that leads nowhere: what was posted and mailed is kept, and answered as a test says."""

from collections.abc import Mapping

from msgspec import Struct

from ca_service.egress.errors import EgressError
from ca_service.egress.mail_server import MailServer


class Posted(Struct, frozen=True):
    """One request that was sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Mailed(Struct, frozen=True):
    """One message that was handed over."""

    server: MailServer
    message: bytes
    recipients: tuple[str, ...]


class FakeNotifier:
    """It implements `ca_service.x509.delivering.Notifier`."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.mailed: list[Mailed] = []
        self.status = 204
        self.broken: EgressError | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self._refuse_if_broken()
        self.posted.append(Posted(url, headers, body))
        return self.status

    async def send_mail(self, server: MailServer, message: bytes, recipients: tuple[str, ...]) -> None:
        self._refuse_if_broken()
        self.mailed.append(Mailed(server, message, recipients))

    def _refuse_if_broken(self) -> None:
        if self.broken is not None:
            raise self.broken
