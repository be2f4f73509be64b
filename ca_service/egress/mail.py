"""One message over SMTP to an address that was checked: the standard library's client, in a thread."""

import asyncio
import contextlib
import smtplib
import socket
import ssl

from ca_service.egress.addresses import Address
from ca_service.egress.errors import AnswerRefusedError, ConnectionFailedError
from ca_service.egress.mail_server import MailProtection, MailServer


class _CheckedSmtp(smtplib.SMTP):
    """Connects to one address, whatever its name resolves to by now."""

    def __init__(
        self,
        server: MailServer,
        address: Address,
        tls: ssl.SSLContext,
        seconds: float,
        begun: "list[_CheckedSmtp]",
    ) -> None:
        self._server = server
        self._address = address
        self._verified = tls
        self.opened: socket.socket | None = None
        begun.append(self)
        # Without a name of ours the library would ask DNS for one.
        super().__init__(server.host, server.port, local_hostname="[127.0.0.1]", timeout=seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del host
        opened = socket.create_connection((str(self._address), port), timeout)
        if self._server.protection is MailProtection.TLS:
            opened = self._verified.wrap_socket(opened, server_hostname=self._server.host)
        self.opened = opened
        return opened


async def send_over(
    server: MailServer,
    address: Address,
    message: bytes,
    recipients: tuple[str, ...],
    tls: ssl.SSLContext,
    seconds: float,
) -> None:
    """Hand the message over. Raises ConnectionFailedError, AnswerRefusedError."""
    loop = asyncio.get_running_loop()
    begun: list[_CheckedSmtp] = []
    work = loop.run_in_executor(None, _send, server, address, message, recipients, tls, seconds, begun)
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        # The thread ends with its socket; what it raises then is nobody's concern.
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        for client in begun:
            _shut(client)
        raise


def _shut(client: _CheckedSmtp) -> None:
    if client.opened is not None:
        with contextlib.suppress(OSError):
            client.opened.shutdown(socket.SHUT_RDWR)


def _send(
    server: MailServer,
    address: Address,
    message: bytes,
    recipients: tuple[str, ...],
    tls: ssl.SSLContext,
    seconds: float,
    begun: list[_CheckedSmtp],
) -> None:
    place = f"{server.host} ({address}, port {server.port})"
    try:
        with _CheckedSmtp(server, address, tls, seconds, begun) as client:
            if server.protection is MailProtection.STARTTLS:
                client.starttls(context=tls)
            if server.username is not None and server.password is not None:
                client.login(server.username, server.password.reveal())
            client.sendmail(server.sender, recipients, message)
    except smtplib.SMTPRecipientsRefused as error:
        raise AnswerRefusedError(f"{place} refused every recipient.") from error
    except smtplib.SMTPResponseException as error:
        raise AnswerRefusedError(
            f"{place} refused with {error.smtp_code}.", status=error.smtp_code
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise AnswerRefusedError(f"{place} does not offer what was asked for: STARTTLS or AUTH.") from error
    except ssl.SSLCertVerificationError as error:
        raise ConnectionFailedError(f"{place}: TLS refused ({error.verify_message}).") from error
    except ssl.SSLError as error:
        raise ConnectionFailedError(f"{place}: TLS failed ({error.reason or 'handshake'}).") from error
    except (smtplib.SMTPException, OSError) as error:
        raise ConnectionFailedError(f"{place} broke the connection off, or none came about.") from error
