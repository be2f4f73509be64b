"""Channels: what is told, once, signed, tried again, and never more than was asked for; on both engines."""

import asyncio
import hmac
import json
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database
from ca_service.egress.errors import ConnectionFailedError
from ca_service.kernel.errors import ConflictError, ForbiddenError, NotFoundError
from ca_service.kernel.secret_value import SecretValue
from ca_service.x509.channels import (
    ChannelRefusedError,
    ChannelSettings,
    ChannelStatus,
    Mail,
    MailSecurity,
    Webhook,
)
from ca_service.x509.deliveries import MOST_ATTEMPTS, DeliveryStatus
from ca_service.x509.events import EventKind
from ca_service.x509.life_jobs import UndeliveredError
from ca_service.x509.operations import RenewCertificate, RevokeCertificate
from ca_service.x509.operations.channels import (
    CreateChannel,
    CreatedChannel,
    DeleteChannel,
    ListDeliveries,
    TryChannel,
    UpdateChannel,
)
from tests.support.fakes.kernel import FakeClock
from tests.support.x509_ground import MEMBER, VIEWER, CertificateGround, days

EVERY = tuple(kind for kind in EventKind if kind is not EventKind.TEST)
MAIL = Mail(host="mail.example.org", sender="pki@example.org", recipients=("ops@example.org",))


@pytest.fixture
def ground(runner: asyncio.Runner, database: Database, clock: FakeClock) -> CertificateGround:
    return runner.run(CertificateGround(database, clock).start())


async def make(
    ground: CertificateGround, target: Webhook | Mail | None = None, **fields: Any
) -> CreatedChannel:
    settings = ChannelSettings(
        target=target or Webhook("https://hooks.example.org/in?x=1"), events=fields.pop("events", EVERY)
    )
    created: CreatedChannel = await ground.perform(
        CreateChannel(project="default", name="ops", settings=settings, **fields)
    )
    return created


async def log_of(ground: CertificateGround) -> list[Any]:
    return list((await ground.perform(ListDeliveries(project="default", name="ops"))).items)


async def test_issuing_renewing_and_revoking_are_told_with_their_facts(ground: CertificateGround) -> None:
    await make(ground)
    issued = await ground.issue("api.example.com")
    renewed = await ground.perform(RenewCertificate(project="default", certificate=issued.id))
    await ground.perform(RevokeCertificate(project="default", certificate=issued.id))
    await ground.run_jobs()
    told = [json.loads(posted.body) for posted in ground.notifier.posted]
    assert [(event["type"], event["data"]["certificate"]) for event in told] == [
        ("certificate.issued", issued.id),
        ("certificate.renewed", renewed.id),
        ("certificate.revoked", issued.id),
    ]
    assert told[0]["data"]["names"] == [{"type": "dns", "value": "api.example.com"}]
    assert "PRIVATE KEY" not in str(told)


async def test_a_request_is_signed_with_time_and_id_as_standard_webhooks_says(
    ground: CertificateGround,
) -> None:
    created = await make(ground)
    assert created.secret is not None
    await ground.issue("api.example.com")
    await ground.run_jobs()
    [posted] = ground.notifier.posted
    signed = f"{posted.headers['webhook-id']}.{posted.headers['webhook-timestamp']}.".encode() + posted.body
    key = b64decode(created.secret.reveal().removeprefix("whsec_"))
    expected = b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert posted.headers["webhook-signature"] == f"v1,{expected}"
    assert int(posted.headers["webhook-timestamp"]) == int(ground.clock.now().timestamp())


async def test_nothing_is_written_where_nobody_listens(ground: CertificateGround) -> None:
    await ground.issue("api.example.com")
    assert ground.queue.jobs == []


async def test_only_the_events_that_were_chosen_are_told(ground: CertificateGround) -> None:
    await make(ground, events=(EventKind.REVOKED,))
    issued = await ground.issue("api.example.com")
    assert ground.queue.jobs == []
    await ground.perform(RevokeCertificate(project="default", certificate=issued.id))
    assert len(ground.queue.jobs) == 1


async def test_an_issuance_that_does_not_commit_tells_nothing(ground: CertificateGround) -> None:
    await make(ground)
    with pytest.raises(ForbiddenError):
        await ground.issue("api.example.com", caller=VIEWER)
    assert (ground.queue.jobs, await log_of(ground)) == ([], [])


async def test_what_is_not_taken_is_tried_again_with_the_same_bytes_and_given_up_in_the_end(
    ground: CertificateGround,
) -> None:
    await make(ground)
    await ground.issue("api.example.com")
    [(kind, payload, _)] = ground.queue.jobs
    ground.notifier.status = 500
    for _ in range(MOST_ATTEMPTS - 1):
        with pytest.raises(UndeliveredError):
            await ground.run_job(kind, payload)
    await ground.run_job(kind, payload)
    [line] = await log_of(ground)
    assert (line.status, line.attempts, line.answer_status) == (DeliveryStatus.FAILED, MOST_ATTEMPTS, 500)
    assert len({posted.body for posted in ground.notifier.posted}) == 1
    assert len({posted.headers["webhook-id"] for posted in ground.notifier.posted}) == 1


async def test_a_receiver_that_is_gone_for_good_is_not_asked_again(ground: CertificateGround) -> None:
    await make(ground)
    await ground.issue("api.example.com")
    ground.notifier.status = 410
    await ground.run_jobs()
    [line] = await log_of(ground)
    assert (line.status, line.attempts) == (DeliveryStatus.FAILED, 1)


async def test_a_failure_outside_is_in_the_log_and_a_later_success_settles_it(
    ground: CertificateGround,
) -> None:
    await make(ground)
    await ground.issue("api.example.com")
    [(kind, payload, _)] = ground.queue.jobs
    ground.notifier.broken = ConnectionFailedError("hooks.example.org: connection refused")
    with pytest.raises(UndeliveredError):
        await ground.run_job(kind, payload)
    [line] = await log_of(ground)
    assert (line.status, "connection refused" in line.last_error) == (DeliveryStatus.PENDING, True)
    ground.notifier.broken = None
    await ground.run_job(kind, payload)
    await ground.run_job(kind, payload)
    [line] = await log_of(ground)
    assert (line.status, line.attempts, len(ground.notifier.posted)) == (DeliveryStatus.DELIVERED, 2, 1)


async def test_mail_is_readable_and_goes_to_its_recipients(ground: CertificateGround) -> None:
    await make(ground, MAIL)
    await ground.issue("api.example.com")
    await ground.run_jobs()
    [mailed] = ground.notifier.mailed
    text = mailed.message.decode()
    assert mailed.recipients == MAIL.recipients
    assert "Subject: [Keywright] Certificate issued: api.example.com\r\n" in text
    assert "\r\nname: api.example.com\r\n" in text


async def test_a_password_is_sealed_and_does_not_follow_to_another_host(ground: CertificateGround) -> None:
    with_user = Mail(
        host="mail.example.org", sender="p@example.org", recipients=("o@example.org",), username="pki"
    )
    password = SecretValue("hunter2-hunter2")
    created = await make(ground, with_user, password=password)
    assert created.channel.sealed is not None
    assert password.reveal().encode() not in created.channel.sealed
    await ground.perform(TryChannel(project="default", name="ops"))
    await ground.run_jobs()
    assert ground.notifier.mailed[0].server.password == password
    elsewhere = Mail(
        host="evil.example.org", sender="p@example.org", recipients=("o@example.org",), username="pki"
    )
    with pytest.raises(ChannelRefusedError) as caught:
        await ground.perform(UpdateChannel(project="default", name="ops", target=elsewhere))
    assert caught.value.field == "password"


async def test_a_rotated_secret_signs_from_then_on(ground: CertificateGround) -> None:
    first = await make(ground)
    rotated = await ground.perform(UpdateChannel(project="default", name="ops", rotates_secret=True))
    assert rotated.secret is not None
    assert rotated.secret != first.secret
    unchanged = await ground.perform(UpdateChannel(project="default", name="ops", events=EVERY))
    assert (unchanged.secret, unchanged.channel.sealed) == (None, rotated.channel.sealed)


async def test_a_disabled_channel_hears_nothing_but_its_test(ground: CertificateGround) -> None:
    await make(ground)
    await ground.perform(UpdateChannel(project="default", name="ops", status=ChannelStatus.DISABLED))
    await ground.issue("api.example.com")
    await ground.perform(TryChannel(project="default", name="ops"))
    await ground.run_jobs()
    assert [json.loads(posted.body)["type"] for posted in ground.notifier.posted] == ["test"]


async def test_a_removed_channel_takes_its_log_and_its_deliveries_along(ground: CertificateGround) -> None:
    await make(ground)
    await ground.issue("api.example.com")
    await ground.perform(DeleteChannel(project="default", name="ops"))
    await ground.run_jobs()
    assert ground.notifier.posted == []
    with pytest.raises(NotFoundError):
        await log_of(ground)


async def test_two_channels_of_one_name_are_refused(ground: CertificateGround) -> None:
    await make(ground)
    with pytest.raises(ConflictError) as caught:
        await make(ground)
    assert caught.value.field == "name"


async def test_an_end_that_comes_near_is_told_once(ground: CertificateGround, clock: FakeClock) -> None:
    await make(ground, events=(EventKind.EXPIRING,))
    ending = await ground.issue("ending.example.com", ttl=days(30))
    await ground.issue("later.example.com", ttl=days(60))
    renewed = await ground.issue("renewed.example.com", ttl=days(30))
    newer = await ground.perform(RenewCertificate(project="default", certificate=renewed.id))
    revoked = await ground.issue("revoked.example.com", ttl=days(30))
    await ground.perform(RevokeCertificate(project="default", certificate=revoked.id))
    await ground.assembly.life.ends.announce_due()
    assert ground.queue.jobs == []
    clock.advance(days(17))
    for _ in range(2):
        await ground.assembly.life.ends.announce_due()
        clock.advance(timedelta(minutes=1))
    await ground.run_jobs()
    told = [json.loads(posted.body)["data"]["certificate"] for posted in ground.notifier.posted]
    assert sorted(told) == sorted([ending.id, newer.id])


async def test_a_url_edited_in_the_database_is_not_used(ground: CertificateGround) -> None:
    await make(ground)
    await ground.issue("api.example.com")
    await ground.database.begin(_edit_settings)
    with pytest.raises(IntegrityError):
        await ground.run_jobs()
    assert ground.notifier.posted == []


async def _edit_settings(transaction: Any) -> None:
    from sqlalchemy import bindparam, update

    from ca_service.database.statement import statement
    from ca_service.x509.storage.life_tables import CHANNELS

    settings = msgspec.json.encode(
        ChannelSettings(target=Webhook("https://evil.example.org/"), events=(EventKind.TEST,))
    )
    await transaction.execute(statement(update(CHANNELS).values(settings=bindparam("s"))), s=settings)


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (Webhook("ftp://hooks.example.org/"), "url"),
        (Webhook("https://user:secret@hooks.example.org/"), "url"),
        (Webhook("https://hooks.example.org/\r\nX: y"), "url"),
        (Webhook("https://hooks.example.org:99999/"), "url"),
        (Mail(host="mail\r\n", sender="p@example.org", recipients=("o@example.org",)), "host"),
        (Mail(host="m.test", sender="p@example.org\r\nBcc: x@y.z", recipients=("o@a.test",)), "sender"),
        (Mail(host="m.test", sender="p@example.org", recipients=()), "recipients"),
        (
            Mail(
                host="m.test",
                sender="p@a.test",
                recipients=("o@a.test",),
                username="u",
                security=MailSecurity.NONE,
            ),
            "security",
        ),
    ],
)
def test_a_target_that_could_do_harm_is_refused_by_name(target: Webhook | Mail, field: str) -> None:
    from ca_service.kernel.errors import UnacceptableError
    from ca_service.x509.channels import verify_settings

    with pytest.raises(UnacceptableError) as caught:
        verify_settings(ChannelSettings(target=target, events=(EventKind.ISSUED,)))
    assert (caught.value.field or "").startswith(field)


async def test_a_member_does_not_manage_channels(ground: CertificateGround) -> None:
    settings = ChannelSettings(target=Webhook("https://hooks.example.org/"), events=EVERY)
    with pytest.raises(ForbiddenError):
        await ground.perform(CreateChannel(project="default", name="mine", settings=settings), MEMBER)
