"""What a PostgreSQL server keeps of a password (RFC 5803), made here so that it never sees the password.

libpq makes it too, at three times the time: it does by itself what OpenSSL does at once. It alone knows what
becomes of passwords beyond ASCII.
"""

import hmac
from base64 import b64encode
from hashlib import pbkdf2_hmac, sha256

#: What PostgreSQL itself takes, and RFC 7677 section 4 asks for at least.
ITERATIONS = 4096
SALT_SIZE = 16


def is_plain(password: str) -> bool:
    """Tell a password of printable ASCII, of which SASLprep (RFC 4013) changes nothing."""
    return password.isascii() and password.isprintable()


def scram_verifier(password: str, salt: bytes) -> str:
    """Return the verifier of SCRAM-SHA-256 (RFC 5802 section 3) as `CREATE ROLE … PASSWORD` takes it.

    Raises ValueError for a password that is not plain.
    """
    if not is_plain(password):
        raise ValueError("a password is printable ASCII")
    salted = pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored_key = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")
