"""What a host asks of the server: everything it sends is signed with a host key over a fresh challenge."""

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from ca_service.agent.errors import AgentError
from ca_service.agent.programs import sign_with_certificate_key, sign_with_host_key
from ca_service.agent.tree import public_key_of
from ca_service.client.api import ApiClient, address

#: The namespace of a host's signatures, and the first line of what it signs.
_NAMESPACE = "keywright-ssh-host"
_TITLE = "keywright ssh host proof"
_ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}", re.ASCII)
_PRINCIPAL = re.compile(r"[A-Za-z0-9_.@+-]{1,255}", re.ASCII)
_KEY_LINE = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\x00-\x1f]*)?", re.ASCII)
_PAIR_TRIES = 5


class Logins(Struct, frozen=True):
    """Principals by account, and the lines of the authorities for users."""

    accounts: dict[str, tuple[str, ...]]
    user_authorities: tuple[str, ...]


class Newcomer(Struct, frozen=True, kw_only=True):
    """Who asks to be enrolled, and with what: a token, or a certificate (PEM) and the file of its key."""

    names: tuple[str, ...]
    keys: tuple[Path, ...]
    token: str | None = None
    certificate: str | None = None
    certificate_key: Path | None = None


class HostDoor:
    """The server as one host sees it."""

    def __init__(self, client: ApiClient, project: str) -> None:
        self._client = client
        self._project = project

    def enrol(self, newcomer: Newcomer) -> dict[str, Any]:
        """Return the host and its certificates as the server answers them. Raises ClientError."""
        lines = tuple(public_line(key) for key in newcomer.keys)
        challenge = self._challenge()
        shown = newcomer.token if newcomer.token is not None else newcomer.certificate or ""
        asked = (*newcomer.names, *lines, sha256(shown.encode()).hexdigest())
        message = self._message("enrol", newcomer.names[0], challenge, *asked)
        body: dict[str, Any] = {
            "challenge": challenge,
            "names": newcomer.names,
            "public_keys": lines,
            "signatures": [sign_with_host_key(key, _NAMESPACE, message) for key in newcomer.keys],
        }
        if newcomer.token is not None:
            body["token"] = newcomer.token
        else:
            body["certificate"] = newcomer.certificate
            body["certificate_signature"] = _signed(newcomer.certificate_key, message)
        answer: dict[str, Any] = self._client.post(self._path("enrol"), body)
        return answer

    def renew(self, host: str, key: Path) -> dict[str, Any]:
        """Return the host and its new certificates as the server answers them. Raises ClientError."""
        answer: dict[str, Any] = self._proved("renew", host, key)
        return answer

    def logins(self, host: str, key: Path) -> Logins:
        """Return who may log in. Raises ClientError, also for what no file on a host should hold."""
        answer = self._proved("logins", host, key)
        accounts = {account: tuple(found) for account, found in answer["accounts"].items()}
        authorities = tuple(answer["user_authorities"])
        names = [name for found in accounts.values() for name in found]
        if not (
            all(_ACCOUNT.fullmatch(account) for account in accounts)
            and all(_PRINCIPAL.fullmatch(name) for name in names)
            and all(_KEY_LINE.fullmatch(line) for line in authorities)
        ):
            raise AgentError("the server named an account, a principal or a key that cannot be one")
        return Logins(accounts, authorities)

    def revocation_list(self) -> tuple[bytes, bytes]:
        """Return list and signature of one publication. Raises ClientError."""
        content_path = address("ssh", self._project, "krl")
        signature_path = address("ssh", self._project, "krl.sig")
        signature = self._client.octets(signature_path)
        for _ in range(_PAIR_TRIES):
            content, former = self._client.octets(content_path), signature
            signature = self._client.octets(signature_path)
            if former == signature:
                return content, signature
        raise AgentError("the revocation list is being replaced again and again: the next run takes it")

    def list_signers(self) -> list[str]:
        """Return the keys that may sign a revocation list: those of the project's authorities."""
        found = [
            line
            for kind in ("user", "host")
            for line in self._client.text(address("ssh", self._project, f"{kind}-ca.pub")).splitlines()
        ]
        return [line for line in found if _KEY_LINE.fullmatch(line)]

    def _proved(self, verb: str, host: str, key: Path) -> Any:
        challenge = self._challenge()
        message = self._message(verb, host, challenge)
        body = {
            "challenge": challenge,
            "public_key": public_line(key),
            "signature": sign_with_host_key(key, _NAMESPACE, message),
        }
        return self._client.post(self._path(host, verb), body)

    def _challenge(self) -> str:
        challenge: str = self._client.post(self._path("challenge"))["challenge"]
        return challenge

    def _message(self, verb: str, subject: str, challenge: str, *asked: str) -> bytes:
        lines = (_TITLE, verb, self._project, subject, challenge, *asked)
        return "".join(f"{line}\n" for line in lines).encode()

    def _path(self, *parts: str) -> str:
        return address("v1", "projects", self._project, "ssh", "hosts", *parts)


def public_line(key: Path) -> str:
    """Return the public key of a host key as one line without its comment. Raises AgentError."""
    file = public_key_of(key)
    try:
        words = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"cannot read {file}: make it with ssh-keygen -y -f {key}") from error
    if len(words) < 2:
        raise AgentError(f"{file} holds no public key: make it with ssh-keygen -y -f {key}")
    return " ".join(words[:2])


def _signed(key: Path | None, message: bytes) -> str:
    if key is None:
        raise AgentError("a certificate proves nothing without its key: name the file of the key too")
    # openssl signs files only; what is in this one is no secret.
    with TemporaryDirectory() as folder:
        file = Path(folder) / "message"
        file.write_bytes(message)
        return b64encode(sign_with_certificate_key(key, file)).decode("ascii")


def lines_of(values: Sequence[str]) -> bytes:
    """Return values as the lines of a file."""
    return "".join(f"{value}\n" for value in values).encode()
