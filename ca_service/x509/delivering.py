"""What is sent: a signed request to a webhook (Standard Webhooks), or a message that people can read."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from ca_service.egress.errors import AnswerRefusedError, EgressError
from ca_service.egress.mail_server import MailProtection, MailServer
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.channel_secrets import MARK
from ca_service.x509.channels import Channel, Mail, Webhook
from ca_service.x509.deliveries import Attempt, Delivery

#: A receiver that answers this wants nothing of the kind any more.
_GONE = 410
_SUBJECTS = {
    "certificate.issued": "Certificate issued",
    "certificate.renewed": "Certificate renewed",
    "certificate.renewal_failed": "Certificate NOT renewed",
    "certificate.revoked": "Certificate revoked",
    "certificates.revoked": "Certificates revoked",
    "certificate.expiring": "Certificate expires soon",
    "test": "Test",
}


class Notifier(Protocol):
    """The way out; `egress.notify.NotifyEgress` is it."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a body and return the status of the answer."""

    async def send_mail(self, server: MailServer, message: bytes, recipients: tuple[str, ...]) -> None:
        """Hand a message to a mail server."""


def webhook_headers(delivery_id: str, at: datetime, secret: SecretValue[str], body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows that a request is ours, and fresh.

    The signature is HMAC-SHA-256 over `id.timestamp.body`, under the bytes that the secret is the base64 of.
    """
    timestamp = str(int(at.timestamp()))
    key = b64decode(secret.reveal().removeprefix(MARK))
    tag = hmac.digest(key, f"{delivery_id}.{timestamp}.".encode() + body, "sha256")
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + b64encode(tag).decode("ascii"),
    }


async def attempt_delivery(
    notifier: Notifier, channel: Channel, secret: SecretValue[str] | None, delivery: Delivery, now: datetime
) -> Attempt:
    """Try once and return what came of it; what the outside did wrong is an answer, not an error."""
    target = channel.settings.target
    try:
        if isinstance(target, Webhook):
            assert secret is not None, "every webhook is born with a secret"
            headers = webhook_headers(delivery.id, now, secret, delivery.payload)
            return _judged(await notifier.post(target.url, headers, delivery.payload))
        message = mail_message(target, delivery, now)
        await notifier.send_mail(_server(target, secret), message, target.recipients)
    except AnswerRefusedError as error:
        return Attempt(is_delivered=False, answer_status=error.status, error=error.detail)
    except EgressError as error:
        return Attempt(is_delivered=False, error=error.detail)
    return Attempt(is_delivered=True)


def _judged(status: int) -> Attempt:
    if 200 <= status < 300:
        return Attempt(is_delivered=True, answer_status=status)
    return Attempt(
        is_delivered=False,
        answer_status=status,
        error=f"The receiver answered {status}.",
        is_final=status == _GONE,
    )


def _server(mail: Mail, password: SecretValue[str] | None) -> MailServer:
    return MailServer(
        host=mail.host,
        port=mail.port,
        protection=MailProtection(mail.security.value),
        sender=mail.sender,
        username=mail.username,
        password=password,
    )


def mail_message(mail: Mail, delivery: Delivery, now: datetime) -> bytes:
    """Return a message in plain text (RFC 5322): the facts, one a line."""
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    event: dict[str, Any] = msgspec.json.decode(delivery.payload)
    data: dict[str, Any] = event["data"]
    names = [name["value"] for name in data.pop("names", [])]
    about = str(data.get("common_name") or (names[0] if names else data.get("value", "")))
    message = EmailMessage(policy=SMTP)
    subject = f"[Keywright] {_SUBJECTS.get(delivery.event, delivery.event)}"
    message["Subject"] = _one_line(f"{subject}: {about}" if about else subject)
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.recipients)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{delivery.id}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [f"event: {delivery.event}", f"time: {event['time']}", f"project: {event['project']}"]
    lines += [f"{key}: {value}" for key, value in data.items() if value is not None]
    lines += [f"name: {name}" for name in names]
    message.set_content("\n".join(_one_line(line, 500) for line in lines) + "\n")
    return message.as_bytes()


def _one_line(text: str, most: int = 150) -> str:
    """Return text as it may stand in a header: what is no printable ASCII becomes a question mark."""
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in text)[:most]
