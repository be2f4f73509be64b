"""CAA records from strangers' zones: every one is read, and none that breaks the grammar permits anything."""

import dns.exception
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from hypothesis import example, given
from hypothesis import strategies as st

from acme.validation.caa_policy import Applicant, parse_issue_value, refusal
from ca_service.egress.records import CaaRecord

US = "ca.example"
ACCOUNT = "https://ca.example/acme/account/1"
ALPHABET = "ca.example;= \t-,accounturivalidationmethodshttp01:/\x00\x7fß"
flags = st.integers(0, 255)
tags = st.sampled_from(["issue", "issuewild", "iodef", "contactemail", "issuemail", "auth", ""])
values = st.one_of(
    st.binary(max_size=60),
    st.text(ALPHABET, max_size=60).map(lambda text: text.encode()),
    st.lists(
        st.sampled_from(
            [US, ";", " ", "accounturi=", ACCOUNT, "validationmethods=", "http-01", ",", "dns-01", "=", "\t"]
        ),
        max_size=9,
    ).map(lambda parts: "".join(parts).encode()),
)
records = st.lists(st.builds(CaaRecord, flags, tags, values), max_size=4)
applicants = st.builds(
    Applicant, st.just((US,)), st.just((ACCOUNT,)), st.sampled_from(["http-01", "dns-01"]), st.booleans()
)


@given(values)
@example(b";")
@example(b"ca.example; accounturi=" + b"a" * 5000)
@example(b"a." * 3000)
@example(b"a-" * 3000 + b"=")
def test_any_value_is_read(value: bytes) -> None:
    found = parse_issue_value(value)
    assert found.issuer is None or found.issuer == found.issuer.lower()


@given(records, applicants)
def test_no_records_permit_what_they_do_not_name(found: list[CaaRecord], applicant: Applicant) -> None:
    names_us = any(record.tag.startswith("issue") and US.encode() in record.value.lower() for record in found)
    restricts = any(record.tag == "issue" for record in found) or (
        applicant.is_wildcard and any(record.tag == "issuewild" for record in found)
    )
    assert refusal(found, applicant) is not None or names_us or not restricts


@given(records, applicants)
def test_a_critical_property_nobody_knows_forbids(found: list[CaaRecord], applicant: Applicant) -> None:
    assert refusal([*found, CaaRecord(128, "auth", b"")], applicant) is not None


@given(st.binary(max_size=80))
def test_any_bytes_of_a_record_are_read_or_refused_by_dns(wire: bytes) -> None:
    try:
        record = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.CAA, wire, 0, len(wire))
    except dns.exception.DNSException:
        return
    parse_issue_value(bytes(getattr(record, "value", b"")))
