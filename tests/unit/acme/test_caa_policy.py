"""Whether CAA records permit an issuance (RFC 8659 section 4, RFC 8657)."""

import pytest

from acme.validation.caa_policy import Applicant, IssueValue, parse_issue_value, refusal
from ca_service.egress.records import CaaRecord

ACCOUNT = "https://ca.test/acme/default/account/acc_1"


def record(tag: str, value: str, flags: int = 0) -> CaaRecord:
    return CaaRecord(flags, tag, value.encode("utf-8"))


def issue(*values: str) -> list[CaaRecord]:
    return [record("issue", value) for value in values]


def ask(records: list[CaaRecord], *, wildcard: bool = False, method: str = "http-01") -> str | None:
    return refusal(
        records, Applicant(("ca.test", "other.ca.test"), (ACCOUNT, ACCOUNT + "x"), method, wildcard)
    )


@pytest.mark.parametrize(
    "records",
    [
        [],
        issue("ca.test"),
        issue("CA.Test"),
        issue("other.ca.test"),
        issue(" ca.test "),
        issue("\tca.test\t;"),
        issue("ca.test; "),
        issue("ca.test; future=parameter; a=b"),
        issue("ca.test; a=b;"),
        issue("letsencrypt.org", "ca.test"),
        issue(";", "ca.test"),
        issue("not a domain", "ca.test"),
        [record("iodef", "mailto:a@example.com")],
        [record("issuemail", ";", 128)],
        [record("future", "x")],
        [record("future", "x"), *issue("ca.test")],
        [record("issue", "ca.test", 128)],
        [record("issue", "ca.test", 1)],
        [record("issuewild", ";")],
        [record("issuewild", "letsencrypt.org"), *issue("ca.test")],
    ],
)
def test_a_name_may_be_issued(records: list[CaaRecord]) -> None:
    assert ask(records) is None


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        (issue("letsencrypt.org"), "none of its `issue` properties names `ca.test` or `other.ca.test`"),
        (issue(""), "none of its `issue`"),
        (issue(";"), "none of its `issue`"),
        (issue(";", ";"), "none of its `issue`"),
        (issue("sub.ca.test"), "none of its `issue`"),
        (issue("test"), "none of its `issue`"),
        (issue("ca.test."), "none of its `issue`"),
        (issue("ca .test"), "none of its `issue`"),
        (issue("ca.test; broken"), "none of its `issue`"),
        (issue("ca.test; =x"), "none of its `issue`"),
        (issue("ca.test; a=b;;c=d"), "none of its `issue`"),
        (issue("ca.test; a=b c"), "none of its `issue`"),
        (issue("cä.test"), "none of its `issue`"),
        ([record("issue", "letsencrypt.org"), record("issuewild", "ca.test")], "none of its `issue`"),
        ([record("future", "x", 128)], "critical and unknown"),
        ([record("future", "x", 255), *issue("ca.test")], "critical and unknown"),
        ([record("issu", "ca.test", 128)], "critical and unknown"),
    ],
)
def test_a_name_may_not_be_issued(records: list[CaaRecord], reason: str) -> None:
    assert reason in (ask(records) or "")


@pytest.mark.parametrize(
    ("records", "is_permitted"),
    [
        ([], True),
        (issue("ca.test"), True),
        (issue("letsencrypt.org"), False),
        ([record("issuewild", "ca.test"), *issue("letsencrypt.org")], True),
        ([record("issuewild", "letsencrypt.org"), *issue("ca.test")], False),
        ([record("issuewild", ";"), *issue("ca.test")], False),
        ([record("issuewild", ";"), record("issuewild", "ca.test")], True),
        ([record("issuewild", "ca.test")], True),
        ([record("issuewild", "ca.test; accounturi=https://elsewhere.test/1")], False),
    ],
)
def test_for_a_wildcard_issuewild_counts_where_there_is_one(
    records: list[CaaRecord], is_permitted: bool
) -> None:
    assert (ask(records, wildcard=True) is None) is is_permitted


@pytest.mark.parametrize(
    ("parameters", "is_permitted"),
    [
        (f"accounturi={ACCOUNT}", True),
        (f"accounturi={ACCOUNT}x", True),
        (f"AccountURI={ACCOUNT}", True),
        (f" accounturi = {ACCOUNT} ", True),
        (f"accounturi={ACCOUNT}y", False),
        (f"accounturi={ACCOUNT.upper()}", False),
        ("accounturi=https://letsencrypt.org/acct/1", False),
        ("accounturi=", False),
        (f"accounturi={ACCOUNT};accounturi={ACCOUNT}", False),
        (f"accounturi={ACCOUNT};accounturi=https://elsewhere.test/1", False),
    ],
)
def test_accounturi_names_the_account_exactly(parameters: str, is_permitted: bool) -> None:
    """RFC 8657 section 3."""
    assert (ask(issue(f"ca.test;{parameters}")) is None) is is_permitted


def test_one_of_several_accounts_is_enough() -> None:
    records = issue("ca.test; accounturi=https://elsewhere.test/1", f"ca.test; accounturi={ACCOUNT}")
    assert ask(records) is None


@pytest.mark.parametrize(
    ("parameters", "is_permitted"),
    [
        ("validationmethods=http-01", True),
        ("validationmethods=dns-01,http-01", True),
        ("ValidationMethods=http-01", True),
        ("validationmethods=dns-01", False),
        ("validationmethods=dns-01,tls-alpn-01", False),
        ("validationmethods=HTTP-01", False),
        ("validationmethods=", False),
        ("validationmethods=http-01,", False),
        ("validationmethods=,http-01", False),
        ("validationmethods=http_01,http-01", False),
        ("validationmethods=http-01;validationmethods=http-01", False),
        ("validationmethods=http-0", False),
    ],
)
def test_validationmethods_lists_the_method(parameters: str, is_permitted: bool) -> None:
    """RFC 8657 section 4."""
    assert (ask(issue(f"ca.test; {parameters}")) is None) is is_permitted


@pytest.mark.parametrize(
    ("method", "is_permitted"), [("dns-01", True), ("http-01", False), ("tls-alpn-01", False)]
)
def test_both_parameters_must_be_satisfied(method: str, is_permitted: bool) -> None:
    records = issue(f"ca.test; accounturi={ACCOUNT}; validationmethods=dns-01")
    assert (ask(records, method=method) is None) is is_permitted


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ("accounturi=https://elsewhere.test/1", "`accounturi` of the property for ca.test names another"),
        ("validationmethods=dns-01", "does not list http-01"),
        ("validationmethods=,", "cannot be read"),
    ],
)
def test_a_refusal_says_which_parameter_it_was(parameters: str, reason: str) -> None:
    assert reason in (ask(issue("letsencrypt.org", f"ca.test; {parameters}")) or "")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"", IssueValue(None)),
        (b";", IssueValue(None)),
        (b"ca.test", IssueValue("ca.test")),
        (b"ca.test;a=b; c=", IssueValue("ca.test", (("a", "b"), ("c", "")))),
        (b"; a=b", IssueValue(None, (("a", "b"),))),
        (b"\xff", IssueValue(None)),
        (b"ca.test\x00", IssueValue(None)),
        (b"-ca.test", IssueValue(None)),
        (b"ca..test", IssueValue(None)),
        (b"ca.test;a-=b", IssueValue(None)),
    ],
)
def test_an_issue_value_is_read(raw: bytes, value: IssueValue) -> None:
    assert parse_issue_value(raw) == value


@pytest.mark.parametrize("raw", [b"ca.test;" + b"a=b;" * 20_000, b"ca.test;a=" + b"b" * 5000])
def test_a_huge_value_names_nobody(raw: bytes) -> None:
    assert parse_issue_value(raw) == IssueValue(None)
