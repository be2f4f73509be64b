"""One key, one effect, one answer (S10), on both engines."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from ca_service.audit.entries import AuditOutcome
from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.gate.errors import AnswerGoneError, KeyReusedError, StillRunningError
from ca_service.gate.idempotency import LEASE, MEMORY, forget_answers, sweep_idempotency_keys
from ca_service.gate.port import REPLAY_WINDOW, Outcome, RequestContext
from ca_service.gate.storage import IDEMPOTENCY_KEYS
from ca_service.kernel.errors import ForbiddenError, MalformedError, UnavailableError
from ca_service.kernel.secret_value import SecretValue
from ca_service.policy.values import Obligations
from tests.support.fakes.gate import TENANT, FakeTransaction, make_caller
from tests.support.fakes.kernel import FakeClock
from tests.support.gate_samples import INSERT_THING, MakeThing, Stage, Thing

KEYED = RequestContext("req_1", "key-1")
THING = MakeThing(project="one", name="a", ttl=timedelta(minutes=90))
COUNT = statement(select(func.count()).select_from(IDEMPOTENCY_KEYS))
ANSWERS = statement(select(IDEMPOTENCY_KEYS.c.answer).where(IDEMPOTENCY_KEYS.c.answer.is_not(None)))


@pytest.fixture
def stage(database: Database, clock: FakeClock) -> Stage:
    """A gate whose things live in memory and whose keys live in the database."""
    made = Stage(database=database, clock=clock)

    async def record(transaction: Transaction, call: Any, signed: Thing) -> Thing:
        made.log.append("record")
        await FakeTransaction(transaction.now).execute(INSERT_THING, id=signed.id)
        return signed

    made.make.record = record  # type: ignore[method-assign]
    return made


async def perform(stage: Stage, operation: MakeThing = THING, key: str = "key-1") -> Outcome[Thing]:
    return await stage.gate.perform(make_caller(), operation, RequestContext("req_1", key))


async def test_a_repeated_request_is_answered_with_exactly_the_first_answer(stage: Stage) -> None:
    first = await perform(stage)
    second = await perform(stage)
    assert second.answer == first.answer
    assert (first.replayed, second.replayed) == (False, True)
    assert stage.log.count("sign") == 1


async def test_a_replay_is_audited_as_one_and_names_the_first(stage: Stage) -> None:
    await perform(stage)
    await perform(stage)
    first, second = stage.trail.entries
    assert second.outcome is AuditOutcome.REPLAYED
    assert second.details["replays"] == first.id


async def test_a_replay_needs_the_permission_of_today(stage: Stage) -> None:
    await perform(stage)
    stage.policy.denied = {"sample:make"}
    with pytest.raises(ForbiddenError):
        await perform(stage)
    assert stage.trail.outcomes() == ["done", "denied"]


async def test_a_replay_asks_the_same_question_as_the_first_request(stage: Stage) -> None:
    stage.policy.obligations["sample:make"] = Obligations(max_ttl=timedelta(hours=2))
    await perform(stage)
    await perform(stage)
    (_, first), (_, second) = stage.policy.asked
    assert second == first


async def test_a_replay_that_cannot_be_audited_is_not_answered(stage: Stage) -> None:
    await perform(stage)
    stage.trail.is_broken = True
    with pytest.raises(UnavailableError):
        await perform(stage)


async def test_the_same_key_for_another_request_is_refused(stage: Stage) -> None:
    await perform(stage)
    with pytest.raises(KeyReusedError):
        await perform(stage, msgspec.structs.replace(THING, secret=SecretValue("other")))


async def test_the_same_key_of_another_caller_is_another_key(stage: Stage) -> None:
    await perform(stage)
    other = await stage.gate.perform(make_caller("idn_bob"), THING, KEYED)
    assert not other.replayed


async def test_the_same_key_in_another_project_is_another_key(stage: Stage) -> None:
    await perform(stage)
    other = await perform(stage, msgspec.structs.replace(THING, project="two"))
    assert not other.replayed


async def test_while_the_first_request_runs_the_second_is_told_to_wait(stage: Stage) -> None:
    told: list[BaseException] = []

    async def sign(call: Any, draft: Thing, grant: Any) -> Thing:
        with pytest.raises(StillRunningError) as caught:
            await perform(stage)
        told.append(caught.value)
        return draft

    stage.make.sign = sign  # type: ignore[method-assign]
    await perform(stage)
    assert len(told) == 1


async def test_a_key_whose_holder_died_is_taken_over(stage: Stage, clock: FakeClock) -> None:
    async def sign(call: Any, draft: Thing, grant: Any) -> Thing:
        stage.make.sign = original  # type: ignore[method-assign]
        clock.advance(LEASE)
        await perform(stage)
        return draft

    original, stage.make.sign = stage.make.sign, sign  # type: ignore[method-assign]
    with pytest.raises(StillRunningError):
        await perform(stage)
    assert stage.trail.outcomes() == ["done"]
    assert (await perform(stage)).replayed


async def test_a_failed_request_gives_its_key_back(stage: Stage) -> None:
    async def sign(call: Any, draft: Thing, grant: Any) -> Thing:
        stage.make.sign = original  # type: ignore[method-assign]
        raise UnavailableError("Not now.")

    original, stage.make.sign = stage.make.sign, sign  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        await perform(stage)
    assert not (await perform(stage)).replayed


async def test_a_denied_request_writes_no_key(stage: Stage, database: Database) -> None:
    stage.policy.denied = {"sample:make"}
    with pytest.raises(ForbiddenError):
        await perform(stage)
    assert await database.read_one(COUNT) == (0,)


async def test_after_the_window_only_the_id_of_what_was_made_is_told(stage: Stage, clock: FakeClock) -> None:
    await perform(stage)
    clock.advance(REPLAY_WINDOW)
    with pytest.raises(AnswerGoneError, match="It made a"):
        await perform(stage)


async def test_what_was_revoked_is_not_answered_again(stage: Stage, database: Database) -> None:
    await perform(stage)
    await database.begin(lambda transaction: forget_answers(transaction, TENANT, "a"))
    with pytest.raises(AnswerGoneError):
        await perform(stage)


async def test_the_kept_answer_is_sealed(stage: Stage, database: Database) -> None:
    first = await perform(stage)
    ((sealed,),) = await database.read(ANSWERS)
    assert first.answer.secret.reveal().encode() not in sealed


async def test_an_answer_moved_to_another_key_does_not_open(stage: Stage, database: Database) -> None:
    await perform(stage)
    ((at_first,),) = await database.read(ANSWERS)
    await perform(stage, msgspec.structs.replace(THING, name="b"), key="key-2")
    sealed = [row[0] for row in await database.read(ANSWERS)]
    swap = statement(
        IDEMPOTENCY_KEYS.update().where(IDEMPOTENCY_KEYS.c.answer == sealed[0]).values(answer=sealed[1])
    )
    await database.begin(lambda transaction: transaction.execute(swap))
    moved_to = THING if sealed[0] == at_first else msgspec.structs.replace(THING, name="b")
    with pytest.raises(IntegrityError):
        await perform(stage, moved_to, key="key-1" if sealed[0] == at_first else "key-2")


async def test_housekeeping_drops_answers_first_and_keys_later(
    stage: Stage, database: Database, clock: FakeClock
) -> None:
    await perform(stage)
    clock.advance(REPLAY_WINDOW)
    await sweep_idempotency_keys(database)
    assert (await database.read(ANSWERS), await database.read_one(COUNT)) == ([], (1,))
    clock.advance(MEMORY)
    await sweep_idempotency_keys(database)
    assert await database.read_one(COUNT) == (0,)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "späti", "line\n"])
async def test_a_key_that_is_not_short_printable_ascii_is_malformed(stage: Stage, key: str) -> None:
    with pytest.raises(MalformedError):
        await perform(stage, key=key)
    assert stage.log == []
