"""Common names: what may stand in a subject, and when it is a name that must be decided as one (S7)."""

import re
import unicodedata

from msgspec import Struct

from ca_service.policy.names import Name, NameRefusedError, parse_dns_name, parse_ip_address

#: ub-common-name, RFC 5280 appendix A.1
COMMON_NAME_LIMIT = 64
#: Categories of characters that hide, reorder or end text: controls, formats (bidi), surrogates, unassigned.
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LIKE_A_HOST = re.compile(r"[A-Za-z0-9*_.-]*\.[A-Za-z0-9*_.-]*")


class CommonName(Struct, frozen=True):
    """A common name as it will be signed. `name` is the DNS name or address it is, None for any other text.

    `fits` is False for a DNS name longer than a subject may hold: it is certified, but not in the subject.
    """

    text: str
    name: Name | None
    fits: bool = True


def parse_common_name(text: str, *, field: str) -> CommonName:
    """Return the common name in its signed form. Raises NameRefusedError."""
    if not text:
        raise NameRefusedError(
            "The common name is empty; leave it out or fill it in.", field=field, rule="common-name-empty"
        )
    if any(unicodedata.category(character) in HIDDEN_CATEGORIES for character in text):
        detail = "The common name has a control, formatting or unassigned character; take it out."
        raise NameRefusedError(detail, field=field, rule="common-name-character")
    name = _name(text, field)
    if name is not None:
        return CommonName(name.value, name, len(name.value) <= COMMON_NAME_LIMIT)
    if len(text) > COMMON_NAME_LIMIT:
        detail = f"The common name has {len(text)} characters; at most {COMMON_NAME_LIMIT} are allowed."
        raise NameRefusedError(detail, field=field, rule="common-name-too-long")
    if text != text.strip() or unicodedata.normalize("NFC", text) != text:
        detail = "The common name begins or ends with a space, or is not in Unicode's composed form (NFC)."
        raise NameRefusedError(detail, field=field, rule="common-name-form")
    return CommonName(text, None)


def _name(text: str, field: str) -> Name | None:
    try:
        return parse_ip_address(text, field=field)
    except NameRefusedError:
        pass
    try:
        return parse_dns_name(text, field=field)
    except NameRefusedError:
        # What is written like a host name but is none would be read as one by somebody.
        if _LIKE_A_HOST.fullmatch(text) or "*" in text:
            raise
        return None
