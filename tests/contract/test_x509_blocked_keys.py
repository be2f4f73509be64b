"""Keys that are never certified: blocked ones and those of ACME accounts, at every door, on both engines."""

import asyncio

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.database.port import Database
from ca_service.gate.caller import Caller
from ca_service.kernel.errors import ConflictError, KeywrightError, MalformedError, NotFoundError
from ca_service.kernel.secret_value import SecretValue
from ca_service.kernel.tenancy import OrganizationId, ProjectId, Tenant
from ca_service.x509.blocked_keys import BlockedKey, BlockProof, BlockReach, key_hash
from ca_service.x509.errors import AccountKeyBlockedError, CsrRefusedError
from ca_service.x509.operations import (
    BlockKey,
    CertificateFilter,
    ListBlockedKeys,
    ListCertificates,
    ReadBlockedKey,
    RenewCertificate,
    ReserveAccountKey,
    RevokeCertificate,
    UnblockKey,
)
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.storage.refused_keys import insert_blocked
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import ADMINISTRATOR, CertificateGround, acme_account, make_csr

KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = KEY.public_key().public_bytes(
    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
)
PRIVATE = SecretValue(
    KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
)
HASH = key_hash(KEY.public_key())
ACCOUNT = acme_account("acc_1")


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


async def refusal(ground: CertificateGround) -> KeywrightError | None:
    """Ask for a certificate for the key and return why it was refused."""
    try:
        await ground.issue(csr=make_csr("a.example.com", key=KEY))
    except CsrRefusedError as error:
        return error
    return None


async def block(ground: CertificateGround, **fields: object) -> BlockedKey:
    blocked: BlockedKey = await ground.perform(msgspec.structs.replace(BlockKey(project="default"), **fields))
    return blocked


@pytest.mark.parametrize(
    "fields",
    [{"key_hash": HASH}, {"public_key_der": PUBLIC}, {"private_key": PRIVATE}],
    ids=lambda f: next(iter(f)),
)
async def test_a_blocked_key_is_certified_no_more(
    ground: CertificateGround, fields: dict[str, object]
) -> None:
    await block(ground, **fields)
    error = await refusal(ground)
    assert error is not None
    assert (error.field, error.rule) == ("csr", "key-refused")


async def test_what_is_refused_at_the_record_leaves_nothing(ground: CertificateGround) -> None:
    await block(ground, key_hash=HASH)
    await refusal(ground)
    found = await ground.perform(
        ListCertificates(project="default", filter=CertificateFilter(profile="server"))
    )
    assert found.items == ()


async def test_only_a_published_private_key_reaches_beyond_the_organization(
    ground: CertificateGround,
) -> None:
    stated = await block(ground, public_key_der=PUBLIC)
    proven = await block(ground, private_key=PRIVATE)
    assert (stated.reach, proven.reach) == (BlockReach.ORGANIZATION, BlockReach.INSTANCE)


@pytest.mark.parametrize(
    ("proof", "is_refused"), [(BlockProof.STATEMENT, False), (BlockProof.PRIVATE_KEY, True)]
)
async def test_what_another_organization_blocks_counts_here_if_it_is_proven(
    ground: CertificateGround, proof: BlockProof, is_refused: bool
) -> None:
    theirs = BlockedKey(
        id="blk_theirs",
        tenant=Tenant(OrganizationId("org_2"), ProjectId("prj_2")),
        key_hash=HASH,
        proof=proof,
        comment="",
        created_by="them",
        created_at=ground.database.now(),
    )
    await ground.database.begin(lambda transaction: insert_blocked(transaction, theirs))
    assert (await refusal(ground) is not None) is is_refused


async def test_a_stated_block_can_be_taken_away(ground: CertificateGround) -> None:
    blocked = await block(ground, key_hash=HASH)
    await ground.perform(UnblockKey(project="default", id=blocked.id))
    assert await refusal(ground) is None


async def test_a_proven_block_stays(ground: CertificateGround) -> None:
    blocked = await block(ground, private_key=PRIVATE)
    with pytest.raises(KeywrightError, match="proven") as caught:
        await ground.perform(UnblockKey(project="default", id=blocked.id))
    assert caught.value.rule == "key-proven-compromised"


async def test_a_block_is_read_and_listed(ground: CertificateGround) -> None:
    made = [
        await block(ground, key_hash=HASH, comment="found in a firmware image"),
        await block(ground, key_hash=bytes(32)),
    ]
    first, second = sorted(made, key=lambda key: key.id)
    page = await ground.perform(ListBlockedKeys(project="default", limit=1))
    rest = await ground.perform(ListBlockedKeys(project="default", after=page.next_key))
    assert (page.items, rest.items, rest.next_key) == ((first,), (second,), None)
    assert await ground.perform(ReadBlockedKey(project="default", id=first.id)) == first


async def test_blocking_the_same_again_is_a_conflict(ground: CertificateGround) -> None:
    await block(ground, key_hash=HASH)
    with pytest.raises(ConflictError):
        await block(ground, public_key_der=PUBLIC)


@pytest.mark.parametrize(
    ("fields", "field", "rule"),
    [
        ({}, "key_hash", "key-one-of"),
        ({"key_hash": HASH, "public_key_der": PUBLIC}, "key_hash", "key-one-of"),
        ({"key_hash": b"short"}, "key_hash", "key-hash"),
        ({"public_key_der": b"rubbish"}, "public_key", "public-key"),
        ({"private_key": SecretValue("rubbish")}, "private_key", "private-key"),
        ({"key_hash": HASH, "comment": "x" * 501}, "comment", "comment-length"),
    ],
)
async def test_a_key_that_cannot_be_read_is_refused_by_field_and_rule(
    ground: CertificateGround, fields: dict[str, object], field: str, rule: str
) -> None:
    with pytest.raises(MalformedError) as caught:
        await block(ground, **fields)
    assert (caught.value.field, caught.value.rule) == (field, rule)


@pytest.mark.parametrize(("proof", "reach"), [(None, BlockReach.ORGANIZATION), ("key", BlockReach.INSTANCE)])
async def test_a_revocation_for_key_compromise_blocks_the_key(
    ground: CertificateGround, proof: str | None, reach: BlockReach
) -> None:
    issued = await ground.issue(csr=make_csr("a.example.com", key=KEY))
    revoke = RevokeCertificate(
        project="default", certificate=issued.id, reason=RevocationReason.KEY_COMPROMISE, proof=proof
    )
    await ground.perform(revoke)
    [blocked] = (await ground.perform(ListBlockedKeys(project="default"))).items
    assert (blocked.key_hash, blocked.reach) == (HASH, reach)
    assert await refusal(ground) is not None


async def test_a_revocation_for_another_reason_blocks_nothing(ground: CertificateGround) -> None:
    issued = await ground.issue(csr=make_csr("a.example.com", key=KEY))
    await ground.perform(
        RevokeCertificate(project="default", certificate=issued.id, reason=RevocationReason.SUPERSEDED)
    )
    assert await refusal(ground) is None


async def test_renewal_with_the_same_key_is_refused_too(ground: CertificateGround) -> None:
    issued = await ground.issue(csr=make_csr("a.example.com", key=KEY))
    await block(ground, key_hash=HASH)
    with pytest.raises(CsrRefusedError) as caught:
        await ground.perform(RenewCertificate(project="default", certificate=issued.id))
    assert caught.value.rule == "key-refused"


async def test_the_key_of_an_account_is_not_certified(ground: CertificateGround) -> None:
    await ground.perform(ReserveAccountKey(project="default", public_key_der=PUBLIC), ACCOUNT)
    assert await refusal(ground) is not None


async def test_an_account_that_changes_its_key_lets_go_of_the_former(ground: CertificateGround) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    await ground.perform(ReserveAccountKey(project="default", public_key_der=PUBLIC), ACCOUNT)
    await ground.perform(ReserveAccountKey(project="default", public_key_der=der), ACCOUNT)
    assert await refusal(ground) is None


async def test_two_accounts_may_have_one_key(ground: CertificateGround) -> None:
    for account in (ACCOUNT, acme_account("acc_2")):
        await ground.perform(ReserveAccountKey(project="default", public_key_der=PUBLIC), account)
    assert await refusal(ground) is not None


async def test_an_account_gets_no_blocked_key(ground: CertificateGround) -> None:
    await block(ground, key_hash=HASH)
    with pytest.raises(AccountKeyBlockedError):
        await ground.perform(ReserveAccountKey(project="default", public_key_der=PUBLIC), ACCOUNT)


async def test_an_account_gets_no_key_of_a_certificate(ground: CertificateGround) -> None:
    await ground.issue(csr=make_csr("a.example.com", key=KEY))
    with pytest.raises(AccountKeyBlockedError) as caught:
        await ground.perform(ReserveAccountKey(project="default", public_key_der=PUBLIC), ACCOUNT)
    assert caught.value.rule == "key-certified"


async def test_keys_of_accounts_are_not_among_the_blocked(ground: CertificateGround) -> None:
    await ground.perform(ReserveAccountKey(project="default", public_key_der=PUBLIC), ACCOUNT)
    assert (await ground.perform(ListBlockedKeys(project="default"))).items == ()
    with pytest.raises(NotFoundError):
        await ground.perform(UnblockKey(project="default", id=ACCOUNT.id))


@pytest.mark.parametrize(
    "caller",
    [ADMINISTRATOR, msgspec.structs.replace(ACCOUNT, project=ProjectId("prj_2"))],
    ids=["no-account", "another-project"],
)
async def test_only_an_account_of_the_project_has_a_key_to_reserve(
    ground: CertificateGround, caller: Caller
) -> None:
    with pytest.raises(NotFoundError):
        await ground.perform(ReserveAccountKey(project="default", public_key_der=PUBLIC), caller)
