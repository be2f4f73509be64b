"""Detached signatures over files, as `ssh-keygen -Y verify` reads them (openssh PROTOCOL.sshsig)."""

from base64 import b64encode
from hashlib import sha512
from textwrap import wrap

from ca_service.custody.signers import Signer
from ssh_ca.signatures import signature_over
from ssh_ca.wire import string, uint32

_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH = b"sha512"
_LINE = 70


def sign_file(content: bytes, namespace: str, signer: Signer, public_key: bytes) -> bytes:
    """Return the armoured signature of `content`; `public_key` is the signer's in wire format.

    `namespace` keeps a signature for one purpose from being one for another; a certificate begins with other
    bytes than what is signed here.
    """
    head = string(namespace.encode()) + string(b"") + string(_HASH)
    signature = signature_over(signer, _MAGIC + head + string(sha512(content).digest()))
    blob = _MAGIC + uint32(_VERSION) + string(public_key) + head + string(signature)
    lines = wrap(b64encode(blob).decode("ascii"), _LINE)
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()
