"""What an error shows of what a stranger sent (S3)."""

MOST_SHOWN = 100


def escape(raw: bytes) -> str:
    """Return the first bytes with everything but printable ASCII escaped."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in raw[:MOST_SHOWN]
    )
