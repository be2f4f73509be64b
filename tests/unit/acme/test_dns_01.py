"""What dns-01 takes for an answer, and what it tells of others (RFC 8555 section 8.4, S3)."""

import pytest

from acme.accounts import AccountId
from acme.challenges import Challenge, ChallengeId, ChallengeType, digest_of
from acme.directories import DirectoryId
from acme.errors import ValidationError
from acme.identifiers import Identifier
from acme.validation.dns_01 import Dns01
from ca_service.egress.records import TextRecords
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from tests.support.fakes.acme import FakeWorld

ANSWER = "token.thumbprint"
DIGEST = digest_of(ANSWER).encode()
CHALLENGE = Challenge(
    id=ChallengeId("chall_1"),
    tenant=Tenant(OrganizationId("org"), ProjectId("one")),
    directory=DirectoryId("dir_1"),
    account=AccountId("acc_1"),
    authorization="authz_1",
    identifier=Identifier("dns", "a.example"),
    type=ChallengeType.DNS_01,
    token="token",
    key_authorization=ANSWER,
)


class OneName(FakeWorld):
    """DNS with one set of TXT records at every name."""

    def __init__(self, found: TextRecords) -> None:
        super().__init__()
        self.found = found

    async def texts(self, name: str) -> TextRecords:
        assert name == "_acme-challenge.a.example"
        return self.found


async def refusal_of(*records: bytes, total: int | None = None, is_own: bool = True) -> str:
    found = TextRecords(records, total or len(records), "192.0.2.53:53", is_own)
    with pytest.raises(ValidationError) as refused:
        await Dns01().validate(CHALLENGE, OneName(found))
    assert refused.value.problem_type == "unauthorized"
    return refused.value.detail


@pytest.mark.parametrize("records", [(DIGEST,), (b"other", DIGEST), (DIGEST, b"other")])
async def test_one_of_several_records_is_enough(records: tuple[bytes, ...]) -> None:
    await Dns01().validate(CHALLENGE, OneName(TextRecords(records, len(records), "r")))


@pytest.mark.parametrize(
    "record",
    [
        DIGEST + b" ",
        b" " + DIGEST,
        DIGEST + b"=",
        b'"' + DIGEST + b'"',
        DIGEST.swapcase(),
        ANSWER.encode(),
        b"",
        DIGEST[:-1],
    ],
)
async def test_a_record_is_compared_exactly(record: bytes) -> None:
    assert "is not this challenge's" in await refusal_of(record)


async def test_the_first_record_is_shown_escaped_and_cut() -> None:
    detail = await refusal_of(b'\x1b[31m\xe9"' + b"x" * 300, b"second")
    assert r"None of the 2 TXT records at _acme-challenge.a.example" in detail
    assert r"\x1b[31m\xe9" in detail
    assert (detail.count("xxx") < 100, "192.0.2.53:53" in detail, "second" in detail) == (True, True, False)


async def test_a_record_behind_an_alias_is_not_shown() -> None:
    detail = await refusal_of(b"INTERNAL-SECRET", is_own=False)
    assert ("INTERNAL" in detail, "the name is an alias" in detail) == (False, True)


async def test_a_client_that_leaves_its_records_behind_is_told_so() -> None:
    assert "None of the 150 TXT records" in (detail := await refusal_of(*[b"x"] * 100, total=150))
    assert "only 100 were looked at; remove old ones" in detail
