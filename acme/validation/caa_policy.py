"""Whether CAA records permit an issuance: a pure function (RFC 8659 section 4, RFC 8657)."""

import re
from collections.abc import Collection, Iterable

from msgspec import Struct

from ca_service.egress.records import CaaRecord

_CRITICAL = 0x80
_KNOWN = frozenset({"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"})
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_PARAMETER = re.compile(r"([A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)[ \t]*=[ \t]*([\x21-\x3a\x3c-\x7e]*)")
_METHODS = re.compile(r"([A-Za-z0-9-]+(,[A-Za-z0-9-]+)*)?")
#: Longer values are nobody's, and are not worth the time.
_MOST_BYTES = 4096


class Applicant(Struct, frozen=True):
    """Who asks for what: our own names in CAA, every URL of the account, and how control was proved."""

    identities: Collection[str]
    account_urls: Collection[str]
    method: str
    is_wildcard: bool


class IssueValue(Struct, frozen=True):
    """The value of an `issue` or `issuewild` property; `issuer` None names nobody, as does a broken value."""

    issuer: str | None
    parameters: tuple[tuple[str, str], ...] = ()


def refusal(records: Collection[CaaRecord], applicant: Applicant) -> str | None:
    """Return why these records, which are those of one name, forbid the issuance, or None if they do not."""
    for record in records:
        if record.flags & _CRITICAL and record.tag not in _KNOWN:
            return "a property that is critical and unknown here forbids it"
    issue = [record for record in records if record.tag == "issue"]
    wild = [record for record in records if record.tag == "issuewild"]
    relevant, tag = (wild, "issuewild") if applicant.is_wildcard and wild else (issue, "issue")
    if not relevant:
        return None
    values = [parse_issue_value(record.value) for record in relevant]
    reasons = [_mismatch(value, applicant) for value in values]
    if None in reasons:
        return None
    named = next((reason for reason in reasons if reason), "")
    return named or f"none of its `{tag}` properties names {_listed(applicant.identities)}"


def parse_issue_value(raw: bytes) -> IssueValue:
    """Return what an issue-value says (RFC 8659 section 4.2); one that breaks the grammar names nobody."""
    if len(raw) > _MOST_BYTES or not raw.isascii():
        return IssueValue(None)
    text = raw.decode("ascii")
    issuer, separator, rest = text.partition(";")
    issuer = issuer.strip(" \t")
    if issuer and not _DOMAIN.fullmatch(issuer):
        return IssueValue(None)
    parameters = []
    if separator and rest.strip(" \t"):
        for part in rest.strip(" \t").removesuffix(";").split(";"):
            match = _PARAMETER.fullmatch(part.strip(" \t"))
            if match is None:
                return IssueValue(None)
            parameters.append((match[1].lower(), match[2]))
    return IssueValue(issuer.lower() or None, tuple(parameters))


def _mismatch(value: IssueValue, applicant: Applicant) -> str | None:
    """Return None if the property permits, a sentence if it names us and forbids, "" if not about us."""
    if value.issuer is None or value.issuer not in {identity.lower() for identity in applicant.identities}:
        return ""
    accounts = _values(value, "accounturi")
    if accounts and (len(accounts) > 1 or accounts[0] not in applicant.account_urls):
        return f"`accounturi` of the property for {value.issuer} names another account"
    methods = _values(value, "validationmethods")
    if not methods:
        return None
    if len(methods) > 1 or not _METHODS.fullmatch(methods[0]):
        return f"`validationmethods` of the property for {value.issuer} cannot be read"
    if applicant.method not in methods[0].split(","):
        return f"`validationmethods` of the property for {value.issuer} does not list {applicant.method}"
    return None


def _values(value: IssueValue, name: str) -> list[str]:
    return [text for key, text in value.parameters if key == name]


def _listed(identities: Iterable[str]) -> str:
    return " or ".join(f"`{identity}`" for identity in sorted(identities)) or "this authority"
