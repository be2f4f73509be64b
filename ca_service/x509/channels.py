"""A channel: where the events of a project are told, and which of them."""

import re
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from msgspec import Struct

from ca_service.kernel.errors import UnacceptableError
from ca_service.kernel.tenancy import Tenant
from ca_service.policy.names import parse_email
from ca_service.x509.events import EventKind

TABLE = "x509_channels"
MOST_CHANNELS = 20
MOST_RECIPIENTS = 20
#: How long before its end a certificate is announced as expiring, unless the channel says otherwise.
EXPIRY_LEAD = timedelta(days=14)
LONGEST_LEAD = timedelta(days=180)
_MOST_URL = 2000
_MOST_CREDENTIAL = 200
_URL = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z"
)
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}\Z")


class ChannelRefusedError(UnacceptableError):
    """A channel that cannot be one."""


class ChannelKind(StrEnum):
    """How events are told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


class ChannelStatus(StrEnum):
    """Whether anything is sent."""

    ACTIVE = "active"
    DISABLED = "disabled"


class MailSecurity(StrEnum):
    """How the connection to a mail server is protected (RFC 3207, RFC 8314)."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class Webhook(Struct, frozen=True, tag="webhook"):
    """A URL that events are POSTed to, signed."""

    url: str


class Mail(Struct, frozen=True, tag="mail", kw_only=True):
    """A mail server and who gets the messages; the password is kept sealed, apart."""

    host: str
    port: int = 587
    security: MailSecurity = MailSecurity.STARTTLS
    username: str | None = None
    sender: str
    recipients: tuple[str, ...]


Target = Webhook | Mail


class ChannelSettings(Struct, frozen=True, kw_only=True):
    """What a channel says: where to, which events, how early an end is announced."""

    target: Target
    events: tuple[EventKind, ...]
    expiry_lead: timedelta = EXPIRY_LEAD


class Channel(Struct, frozen=True, kw_only=True):
    """One channel. `sealed` is its secret under custody: the signing secret, or the mail server's password.

    Ends of life up to (`expiry_after`, `expiry_after_id`) were announced.
    """

    id: str
    tenant: Tenant
    name: str
    status: ChannelStatus
    settings: ChannelSettings
    sealed: bytes | None
    expiry_after: datetime
    expiry_after_id: str
    created_at: datetime
    version: int

    @property
    def kind(self) -> ChannelKind:
        """Return how it tells."""
        return ChannelKind.WEBHOOK if isinstance(self.settings.target, Webhook) else ChannelKind.MAIL

    def wants(self, event: EventKind) -> bool:
        """Tell whether it is told of such events."""
        if event is EventKind.TEST:
            return True
        return self.status is ChannelStatus.ACTIVE and event in self.settings.events


def verify_settings(settings: ChannelSettings) -> None:
    """Refuse what could not be told to anybody. Raises ChannelRefusedError, NameRefusedError."""
    events = settings.events
    if not events or len(set(events)) != len(events) or EventKind.TEST in events:
        listed = ", ".join(kind.value for kind in EventKind if kind is not EventKind.TEST)
        raise _refused(
            "events", "channel-events", f"A channel names at least one event, each once: {listed}."
        )
    if not timedelta() < settings.expiry_lead <= LONGEST_LEAD:
        detail = f"An end is announced at most {LONGEST_LEAD.days} days before; choose a shorter expiry_lead."
        raise _refused("expiry_lead", "channel-expiry-lead", detail)
    if isinstance(settings.target, Webhook):
        _verify_url(settings.target.url)
    else:
        _verify_mail(settings.target)


def _verify_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), 0
    is_plain = 0 < len(url) <= _MOST_URL and _URL.fullmatch(url) is not None
    is_web = parts.scheme in {"https", "http"} and parts.username is None and parts.password is None
    if not (is_plain and is_web and port != 0 and not parts.fragment and _is_host(parts.hostname or "")):
        detail = "The url is one https:// address of a host, without user, password and fragment."
        raise _refused("url", "channel-url", detail)


def _verify_mail(mail: Mail) -> None:
    if not _is_host(mail.host):
        raise _refused("host", "channel-host", "The host of a mail server is a DNS name or an address.")
    if not 0 < mail.port < 65536:
        raise _refused("port", "channel-port", "A port is a number from 1 to 65535.")
    if mail.username is not None and not (
        0 < len(mail.username) <= _MOST_CREDENTIAL and mail.username.isascii() and mail.username.isprintable()
    ):
        detail = f"A username has at most {_MOST_CREDENTIAL} printable ASCII characters."
        raise _refused("username", "channel-username", detail)
    if mail.username is not None and mail.security is MailSecurity.NONE:
        detail = "A password is not sent in the clear: use starttls or tls, or leave the username out."
        raise _refused("security", "channel-clear-password", detail)
    parse_email(mail.sender, field="sender")
    if not 0 < len(mail.recipients) <= MOST_RECIPIENTS:
        detail = f"A message goes to 1 to {MOST_RECIPIENTS} recipients."
        raise _refused("recipients", "channel-recipients", detail)
    for place, recipient in enumerate(mail.recipients):
        parse_email(recipient, field=f"recipients[{place}]")


def _is_host(text: str) -> bool:
    return bool(_HOST.match(text)) or (":" in text and bool(_ADDRESS.match(text)))


def _refused(field: str, rule: str, detail: str) -> ChannelRefusedError:
    return ChannelRefusedError(detail, field=field, rule=rule)
