"""Names that a profile computes from who is calling: typed parts in their places, never pasted text (S11).

`uri:urn:keywright:identity:{identity.id}` or `dns:{identity.name}.svc.example.org`: a value in braces is the
whole of a label (DNS), of the mailbox (e-mail) or of a segment (URI) and is refused if it is anything else.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from ca_service.policy.names import (
    Name,
    NameKind,
    NameRefusedError,
    parse_dns_name,
    parse_email,
    parse_uri,
)
from ca_service.x509.errors import ProfileRefusedError

MOST_COMPUTED = 10
#: URIs below this are nobody's to ask for: only a computed name is one of them.
RESERVED_URI = "urn:keywright:"

_SEPARATORS = {NameKind.DNS: ".", NameKind.EMAIL: "@.", NameKind.URI: "/:"}
_PARSERS = {NameKind.DNS: parse_dns_name, NameKind.EMAIL: parse_email, NameKind.URI: parse_uri}
#: What a value is made of, so that no separator of its kind of name is in it.
_VALUES = {
    NameKind.DNS: re.compile(r"[A-Za-z0-9-]{1,63}"),
    NameKind.EMAIL: re.compile(r"[A-Za-z0-9_-]{1,63}"),
    NameKind.URI: re.compile(r"[A-Za-z0-9._-]{1,255}"),
}


class CallerFact(StrEnum):
    """What is known of who is calling."""

    IDENTITY_ID = "identity.id"
    IDENTITY_NAME = "identity.name"
    PROJECT_ID = "project.id"
    ORGANIZATION_ID = "organization.id"


class ComputedName(Struct, frozen=True):
    """One name with its values still open; `parts` alternate between text and facts."""

    kind: NameKind
    parts: tuple[str | CallerFact, ...]

    def of(self, facts: Mapping[CallerFact, str]) -> Name:
        """Return the name of a caller. Raises ProfileRefusedError if a value does not fit its place."""
        texts: list[str] = []
        for part in self.parts:
            if not isinstance(part, CallerFact):
                texts.append(part)
                continue
            value = facts[part]
            if _VALUES[self.kind].fullmatch(value) is None:
                detail = (
                    f"The profile names its caller by {part.value}, and yours has characters that do not fit "
                    f"there ({_VALUES[self.kind].pattern}); have it renamed or choose another profile."
                )
                raise ProfileRefusedError(detail, field="profile", rule="profile-computed-name")
            texts.append(value.lower() if self.kind is NameKind.DNS else value)
        try:
            return _PARSERS[self.kind]("".join(texts))
        except NameRefusedError as error:
            detail = (
                f"The name that the profile computes for you cannot stand in a certificate: {error.detail}"
            )
            raise ProfileRefusedError(detail, field="profile", rule="profile-computed-name") from error


@lru_cache(maxsize=1024)
def parse_computed_name(text: str, *, field: str | None = None) -> ComputedName:
    """Return one name with its values still open. Raises ProfileRefusedError."""
    word, _, value = text.partition(":")
    kind = next((kind for kind in _PARSERS if kind.value == word), None)
    if kind is None:
        detail = "A computed name begins with dns:, email: or uri:, such as uri:spiffe://example.org/{identity.id}."
        raise ProfileRefusedError(detail, field=field, rule="computed-name")
    parts = _parts(value, _SEPARATORS[kind], text, field)
    if not any(isinstance(part, CallerFact) for part in parts):
        facts = ", ".join(f"{{{fact.value}}}" for fact in CallerFact)
        detail = f"{text[:100]!a} computes nothing; put one of {facts} into it."
        raise ProfileRefusedError(detail, field=field, rule="computed-name")
    computed = ComputedName(kind, parts)
    computed.of(dict.fromkeys(CallerFact, "x"))
    return computed


def _parts(value: str, separators: str, text: str, field: str | None) -> tuple[str | CallerFact, ...]:
    """Return the pieces between separators, and these, with every value in braces as the fact it is."""
    pieces = re.findall(rf"{{[^{{}}]*}}|[{separators}]|[^{separators}{{}}]+|[{{}}]", value)
    parts: list[str | CallerFact] = []
    for place, piece in enumerate(pieces):
        if piece[0] not in "{}":
            parts.append(piece)
            continue
        beside = (*pieces[max(place - 1, 0) : place], *pieces[place + 1 : place + 2])
        is_whole = all(other in separators for other in beside)
        if not is_whole or piece[1:-1] not in set(CallerFact):
            facts = ", ".join(f"{{{fact.value}}}" for fact in CallerFact)
            detail = f"In {text[:100]!a} a value in braces is one of {facts}, and the whole of its part."
            raise ProfileRefusedError(detail, field=field, rule="computed-name")
        parts.append(CallerFact(piece[1:-1]))
    return tuple(parts)
