"""The TLS context of the listener, whose certificate is swapped while it serves."""

import ssl

from msgspec import Struct

from ca_service.custody.memory import tls_key_file
from ca_service.kernel.secret_value import SecretValue


class ListenerCertificate(Struct, frozen=True):
    """A chain, leaf first, and its key."""

    chain_pem: str
    key_pem: SecretValue[str]


def make_context(certificate: ListenerCertificate) -> ssl.SSLContext:
    """Return a context for TLS 1.2 and later that speaks HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    swap_certificate(context, certificate)
    return context


def swap_certificate(context: ssl.SSLContext, certificate: ListenerCertificate) -> None:
    """Serve this certificate from the next handshake on; the key never touches a disk (S22)."""
    both = SecretValue(certificate.chain_pem + certificate.key_pem.reveal())
    with tls_key_file(both) as path:
        context.load_cert_chain(path)
