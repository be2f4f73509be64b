"""Serial numbers: 126 random bits, positive, 16 octets (RFC 5280 section 4.1.2.2 asks for at most 20)."""

from ca_service.kernel.randomness import Randomness


def new_serial_number(randomness: Randomness) -> int:
    """Return a serial number; the two fixed bits make it positive and always 32 hexadecimal digits."""
    octets = randomness.token_bytes(16)
    return int.from_bytes(bytes([octets[0] & 0x3F | 0x40]) + octets[1:], "big")
