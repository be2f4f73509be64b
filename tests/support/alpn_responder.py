"""tls-alpn-01 on loopback: certificates of every kind, right and wrong, and a server that shows them."""

import asyncio
import hashlib
import ipaddress
import ssl
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
OBSOLETE_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.30.1")
PROTOCOL = "acme-tls/1"


class Shown:
    """A certificate for one name or address and its key; each argument makes it wrong in one way."""

    def __init__(
        self,
        name: str,
        key_authorization: str,
        *,
        names: Sequence[x509.GeneralName] | None = None,
        value: bytes | None = None,
        is_critical: bool = True,
        identifier: x509.ObjectIdentifier | None = ACME_IDENTIFIER,
        further: Sequence[tuple[x509.ExtensionType, bool]] = (),
        issuer_name: str | None = None,
        issuer_key: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        digest = hashlib.sha256(key_authorization.encode()).digest()
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        subject = _common_name("ACME challenge")
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer_name is None else _common_name(issuer_name))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        shown_names = [general_name(name)] if names is None else list(names)
        if shown_names:
            builder = builder.add_extension(x509.SubjectAlternativeName(shown_names), critical=False)
        if identifier is not None:
            raw = b"\x04\x20" + digest if value is None else value
            builder = builder.add_extension(x509.UnrecognizedExtension(identifier, raw), is_critical)
        for extension, critical in further:
            builder = builder.add_extension(extension, critical)
        self.certificate = builder.sign(issuer_key or self.key, hashes.SHA256())

    @property
    def der(self) -> bytes:
        """Return the certificate as it goes over the wire."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def context(self, protocols: Sequence[str] = (PROTOCOL,)) -> ssl.SSLContext:
        """Return what a TLS server needs to show it."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.set_alpn_protocols(list(protocols))
        pem = serialization.Encoding.PEM
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.certificate.public_bytes(pem))
            file.write(
                self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            )
            file.flush()
            made.load_cert_chain(file.name)
        return made


class Responder:
    """Shows the certificate of the name that the client asks for; remembers the names.

    Unlike asyncio's own TLS server it sends the alert that says why a handshake failed.
    """

    def __init__(self) -> None:
        self.contexts: dict[str, ssl.SSLContext] = {}
        self.asked: list[str | None] = []
        self.port = 0
        self.front = Shown("front.invalid", "").context()
        self.front.sni_callback = self._choose

    def show(self, shown: Shown, protocols: Sequence[str] = (PROTOCOL,)) -> None:
        """Answer for this name from now on."""
        self.contexts[server_name(shown.name)] = shown.context(protocols)

    def limit(self, version: ssl.TLSVersion) -> None:
        """Speak this version of TLS only."""
        self.front.set_ciphers("ALL:@SECLEVEL=0")
        self.front.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        self.front.maximum_version = version

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Shake hands and hang up."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.front.wrap_bio(incoming, outgoing, server_side=True)
        try:
            while data := await reader.read(4096):
                incoming.write(data)
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
        except (ssl.SSLError, OSError):
            pass
        finally:
            writer.write(outgoing.read())
            writer.close()

    def _choose(self, connection: ssl.SSLObject, asked: str | None, _: ssl.SSLContext) -> int | None:
        self.asked.append(asked)
        context = self.contexts.get(asked or "")
        if context is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = context
        return None


@asynccontextmanager
async def responder(*shown: Shown, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Responder]:
    """Serve tls-alpn-01 for these."""
    made = Responder()
    for each in shown:
        made.show(each)
    server = await asyncio.start_server(made.serve, host, port)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


def server_name(name: str) -> str:
    """Return what a client names in SNI: the name, or the reverse-arpa name of an address (RFC 8738)."""
    try:
        return ipaddress.ip_address(name).reverse_pointer
    except ValueError:
        return name.lower()


def general_name(name: str) -> x509.GeneralName:
    """Return a name or an address as a SAN holds it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def duplicated(shown: Shown, oid: x509.ObjectIdentifier) -> bytes:
    """Return the same certificate, signed again, with one of its extensions twice."""
    stand_in = x509.ObjectIdentifier(f"{oid.dotted_string[:-1]}{int(oid.dotted_string[-1]) ^ 1}")
    original = shown.certificate.extensions.get_extension_for_oid(oid)
    builder = (
        x509.CertificateBuilder()
        .subject_name(shown.certificate.subject)
        .issuer_name(shown.certificate.subject)
        .public_key(shown.key.public_key())
        .serial_number(1)
        .not_valid_before(shown.certificate.not_valid_before_utc)
        .not_valid_after(shown.certificate.not_valid_after_utc)
    )
    for extension in shown.certificate.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    raw = original.value.public_bytes()
    builder = builder.add_extension(x509.UnrecognizedExtension(stand_in, raw), original.critical)
    body = builder.sign(shown.key, hashes.SHA256()).tbs_certificate_bytes
    body = body.replace(_encoded(stand_in), _encoded(oid))
    signature = b"\x00" + shown.key.sign(body, ec.ECDSA(hashes.SHA256()))
    ecdsa_with_sha256 = bytes.fromhex("300a06082a8648ce3d040302")
    return _tagged(0x30, body + ecdsa_with_sha256 + _tagged(0x03, signature))


def _encoded(oid: x509.ObjectIdentifier) -> bytes:
    first, second, *rest = map(int, oid.dotted_string.split("."))
    return bytes([0x06, 1 + len(rest), first * 40 + second, *rest])


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
