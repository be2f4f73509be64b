"""What a request may be performed with once is used up in the transaction of its operation (S16)."""

import asyncio
from typing import Any

import msgspec
import pytest

from ca_service.database.port import Transaction
from ca_service.gate.operation import Operation
from ca_service.kernel.errors import ForbiddenError, UnavailableError
from tests.support.fakes.gate import make_caller
from tests.support.gate_samples import REQUEST, MakePair, MakeThing, ReachOut, ReadThing, Stage

THING = MakeThing(project="one", name="a")


class UsedBeforeError(Exception):
    """What a second use is answered with."""


class Ticket:
    """Good for one request; it remembers in which transactions it was used and which were committed."""

    def __init__(self, *, is_spent: bool = False) -> None:
        self.is_spent = is_spent
        self.uses = 0
        self.commits = 0

    def use(self, transaction: Transaction) -> None:
        if self.is_spent:
            raise UsedBeforeError
        self.uses += 1

    def was_used(self) -> None:
        self.commits += 1


def perform(stage: Stage, operation: Operation[Any], ticket: Ticket) -> Any:
    request = msgspec.structs.replace(REQUEST, once=ticket)
    return asyncio.run(stage.gate.perform(make_caller(), operation, request)).answer


@pytest.mark.parametrize(
    "operation",
    [
        THING,
        ReadThing(project="one", name="a"),
        MakePair(project="one", first="a", second="b"),
        ReachOut(project="one", name="a"),
    ],
    ids=["a change", "a read", "with children", "outside"],
)
def test_given_an_operation_then_its_ticket_is_used_once(operation: Operation[Any]) -> None:
    stage, ticket = Stage(), Ticket()

    perform(stage, operation, ticket)

    assert (ticket.uses, ticket.commits) == (1, 1)


@pytest.mark.parametrize("operation", [THING, ReadThing(project="one", name="a")], ids=["change", "read"])
def test_given_a_ticket_that_was_used_then_nothing_is_done_or_told(operation: Operation[Any]) -> None:
    stage = Stage()

    with pytest.raises(UsedBeforeError):
        perform(stage, operation, Ticket(is_spent=True))

    assert stage.database.rows == []
    assert "record" not in stage.log


def test_given_a_denial_then_the_ticket_is_left_to_the_door() -> None:
    stage, ticket = Stage(), Ticket()
    stage.policy.denied = {"sample:make"}

    with pytest.raises(ForbiddenError):
        perform(stage, THING, ticket)

    assert (ticket.uses, ticket.commits) == (0, 0)


def test_given_a_commit_that_fails_then_the_ticket_does_not_count_as_used() -> None:
    stage, ticket = Stage(), Ticket()
    stage.database.commit_fails = True

    with pytest.raises(UnavailableError):
        perform(stage, THING, ticket)

    assert ticket.commits == 0


def test_given_a_policy_that_changes_meanwhile_then_the_ticket_is_used_in_the_transaction_that_holds() -> (
    None
):
    stage, ticket = Stage(), Ticket()
    stage.policy.stale_confirmations = 1

    perform(stage, THING, ticket)

    assert (ticket.uses, ticket.commits) == (1, 1)
