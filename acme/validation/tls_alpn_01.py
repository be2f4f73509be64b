"""tls-alpn-01: a self-signed certificate in a handshake for `acme-tls/1` (RFC 8737, RFC 8738 section 6)."""

from ipaddress import ip_address

from acme.challenges import Challenge, ChallengeType
from acme.errors import ValidationError
from acme.identifiers import IP, Identifier
from acme.validation.alpn_certificate import CertificateRefusedError, verify_certificate
from acme.validation.failures import failure_of
from acme.validation.port import Outside
from ca_service.egress.errors import EgressError
from ca_service.egress.tls_handshake import HandshakeAnswer

PROTOCOL = "acme-tls/1"


class TlsAlpn01:
    """Validates tls-alpn-01."""

    type = ChallengeType.TLS_ALPN_01

    async def validate(self, challenge: Challenge, outside: Outside) -> None:
        identifier = challenge.identifier
        try:
            answer = await outside.shake_hands(identifier.value, server_name(identifier), PROTOCOL)
        except EgressError as error:
            raise failure_of(error) from error
        if challenge.key_authorization is None:
            raise ValidationError("unauthorized", "The challenge has not been answered.")
        if answer.protocol != PROTOCOL:
            raise _refused(answer, f"did not negotiate the ALPN protocol {PROTOCOL}")
        try:
            verify_certificate(answer.certificate, identifier, challenge.key_authorization)
        except CertificateRefusedError as error:
            raise _refused(answer, f"showed a certificate that {error}") from error


def server_name(identifier: Identifier) -> str:
    """Return what stands in the SNI: the name, or an address's name below in-addr.arpa or ip6.arpa."""
    return ip_address(identifier.value).reverse_pointer if identifier.type == IP else identifier.value


def _refused(answer: HandshakeAnswer, reason: str) -> ValidationError:
    return ValidationError(
        "unauthorized",
        f"{answer.host} ({answer.address}, port {answer.port}) {reason}. Is it the ACME client's own "
        "responder that listens there?",
    )
