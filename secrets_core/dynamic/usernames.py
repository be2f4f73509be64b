"""Names of accounts: chosen here before the target is asked, and known by their beginning ever after."""

import re
from collections.abc import Mapping

from ca_service.custody.custody import Custody
from ca_service.kernel.randomness import Randomness
from secrets_core.dynamic.errors import TemplateRefusedError

DEFAULT_TEMPLATE = "{dynamic}-{random}"
_PARTS = ("dynamic", "environment", "identity", "random")
_MOST_TEMPLATE = 100
_MOST_LITERALS = 16
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_TAG_DIGITS = 10
_RANDOM_DIGITS = 16
_PASSWORD_DIGITS = 52
_PIECE = re.compile(r"\{([a-z]+)\}|([a-z0-9_-]+)", re.ASCII)
_OTHER = re.compile(r"[^a-z0-9_]+", re.ASCII)


def parse_template(text: str) -> str:
    """Return the template: literals of `[a-z0-9_-]`, and parts in braces. Raises TemplateRefusedError."""
    pieces = _pieces(text) if len(text) <= _MOST_TEMPLATE else []
    names = [name for name, _ in pieces if name]
    literals = sum(len(literal) for _, literal in pieces)
    is_known = set(names) <= set(_PARTS) and len(set(names)) == len(names)
    if "random" not in names or not is_known or literals > _MOST_LITERALS:
        raise TemplateRefusedError(
            "A template is made of {dynamic}, {environment}, {identity} and {random}, each at most once, and "
            f"of at most {_MOST_LITERALS} of a-z, 0-9, `_` and `-`; {{random}} must stand in it.",
            field="username_template",
            rule="username-template",
        )
    return text


class AccountNames:
    """Makes names and passwords. Every name begins with a mark of this instance and the dynamic secret."""

    def __init__(self, custody: Custody, randomness: Randomness) -> None:
        self._key = custody.mac_key("dynamic account names")
        self._randomness = randomness

    def prefix(self, secret_id: str) -> str:
        """Return how every account of a dynamic secret begins, and no other account at its target."""
        return f"kw-{_digits(self._key.tag(secret_id.encode()), _TAG_DIGITS)}-"

    def username(self, secret_id: str, template: str, parts: Mapping[str, str], longest: int) -> str:
        """Return a new name of at most `longest` bytes: what does not fit is cut from the parts' ends."""
        prefix = self.prefix(secret_id)
        random = _digits(self._randomness.token_bytes(_RANDOM_DIGITS), _RANDOM_DIGITS)
        pieces = _pieces(template)
        told = [name for name, _ in pieces if name and name != "random"]
        fixed = len(prefix) + len(random) + sum(len(literal) for _, literal in pieces)
        room = (longest - fixed) // max(len(told), 1)
        return prefix + "".join(
            literal or (random if name == "random" else _plain(parts[name], room)) for name, literal in pieces
        )

    def password(self) -> str:
        """Return a new password of 260 random bits, in characters that need no quoting anywhere."""
        return _digits(self._randomness.token_bytes(_PASSWORD_DIGITS), _PASSWORD_DIGITS)


def _pieces(template: str) -> list[tuple[str, str]]:
    """Return (part, literal) after (part, literal), one of both empty; nothing if it is no template."""
    found = list(_PIECE.finditer(template))
    if "".join(match[0] for match in found) != template:
        return []
    return [(match[1] or "", match[2] or "") for match in found]


def _plain(text: str, most: int) -> str:
    return _OTHER.sub("-", text.lower()).strip("-")[: max(most, 0)] or "x"


def _digits(octets: bytes, count: int) -> str:
    """Return one digit of five bits for each octet: all digits are equally likely."""
    return "".join(_DIGITS[octet & 31] for octet in octets[:count])
