"""The gate keeps the order of the acts, and nothing passes it undecided, unrecorded or unaudited."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ca_service.gate.caller import Caller, RoleGrant
from ca_service.gate.errors import (
    CeilingError,
    OrphanedOperationError,
    OverlongCredentialError,
    PolicyChangedError,
    UndecidedOperationError,
    UnregisteredOperationError,
)
from ca_service.gate.operation import Operation
from ca_service.kernel.errors import ForbiddenError, NotFoundError, UnacceptableError, UnavailableError
from ca_service.policy.values import Entity, Obligations
from tests.support.fakes.gate import OTHER_TENANT, TENANT, FakeApprovals, hours, make_caller
from tests.support.gate_samples import (
    REQUEST,
    MakePair,
    MakeThing,
    ReachOut,
    ReadThing,
    RenameOrganization,
    Reset,
    RevealThing,
    Stage,
)

THING = MakeThing(project="one", name="a")
PAIR = MakePair(project="one", first="a", second="b")


def perform(stage: Stage, operation: Operation[Any], caller: Caller | None = None) -> Any:
    return asyncio.run(stage.gate.perform(caller or make_caller(), operation, REQUEST)).answer


def test_a_permitted_operation_is_prepared_signed_recorded_audited_and_answered() -> None:
    stage = Stage()
    assert perform(stage, THING).id == "a"
    assert stage.log == ["prepare", "sign", "record"]
    assert stage.database.rows == [{"id": "a"}]
    assert stage.trail.outcomes() == ["done"]


def test_the_entry_says_who_did_what_to_which_thing() -> None:
    stage = Stage()
    perform(stage, THING)
    (entry,) = stage.trail.entries
    assert (entry.caller, entry.action, entry.resource) == (
        'Identity::"idn_alice"',
        "sample:make",
        'Thing::"a"',
    )
    assert (entry.organization, entry.project) == (TENANT.organization, TENANT.project)
    assert (entry.request_id, entry.address) == ("req_1", "192.0.2.7")
    assert entry.details == {"name": "a", "id": "a"}


def test_several_decisions_are_all_named_in_the_entry() -> None:
    stage = Stage()
    stage.make.questions = 3
    perform(stage, THING)
    assert stage.trail.entries[0].details["decisions"] == ["dec_1", "dec_2", "dec_3"]


def test_an_operation_without_a_handler_is_a_mistake_of_ours() -> None:
    stage = Stage()

    class Unknown(Operation[str], frozen=True, kw_only=True):
        action = "sample:unknown"

    with pytest.raises(UnregisteredOperationError):
        perform(stage, Unknown())


def test_two_handlers_for_one_operation_are_refused() -> None:
    stage = Stage()
    with pytest.raises(ValueError, match="MakeThing has two handlers"):
        stage.gate.register({MakeThing: stage.make})


def test_a_handler_that_asks_nothing_passes_nothing() -> None:
    stage = Stage()
    stage.make.questions = 0
    with pytest.raises(UndecidedOperationError):
        perform(stage, THING)
    assert stage.log == ["prepare"]


# -- denials


def test_who_may_see_but_not_do_is_forbidden_and_the_denial_is_in_the_trail() -> None:
    stage = Stage()
    stage.policy.denied = {"sample:make"}
    with pytest.raises(ForbiddenError) as caught:
        perform(stage, THING)
    assert (caught.value.decision_id, caught.value.field) == ("dec_1", "name")
    assert stage.log == ["prepare"]
    (entry,) = stage.trail.entries
    assert entry.outcome == "denied"
    assert entry.reason == "dec_1 sample:make is not permitted."
    assert entry.details["denied"]["context"] == {"name": "a"}


def test_who_may_not_see_is_told_what_is_told_of_a_thing_that_does_not_exist() -> None:
    stage = Stage()
    stage.policy.denied = {"sample:make", "sample:see"}
    with pytest.raises(NotFoundError) as caught:
        perform(stage, THING)
    assert caught.value.detail == NotFoundError("thing").detail
    assert stage.trail.outcomes() == ["denied"]


def test_a_denial_that_cannot_be_audited_is_not_answered_as_one() -> None:
    stage = Stage()
    stage.policy.denied = {"sample:make"}
    stage.trail.is_broken = True
    with pytest.raises(UnavailableError):
        perform(stage, THING)


def test_a_read_is_audited_before_it_is_answered() -> None:
    stage = Stage()
    assert perform(stage, ReadThing(project="one", name="a")) == "value of a"
    assert stage.trail.outcomes() == ["done"]
    stage.trail.is_broken = True
    with pytest.raises(UnavailableError):
        perform(stage, ReadThing(project="one", name="a"))


def test_a_secret_whose_policy_changed_meanwhile_is_decided_again() -> None:
    stage = Stage()
    generations = []

    def holds(facts: Mapping[str, Any]) -> bool:
        generations.append(facts["expected"])
        stage.policy.generation = 2
        return bool(facts["expected"] == 2)

    stage.trail.condition = holds
    assert perform(stage, RevealThing(project="one", name="a")) == "secret of a"
    assert generations == [1, 2]
    assert stage.trail.outcomes() == ["done"]


def test_a_secret_whose_right_was_taken_away_meanwhile_stays_one() -> None:
    stage = Stage()

    def holds(_: Mapping[str, Any]) -> bool:
        stage.policy.denied = {"sample:reveal"}
        return False

    stage.trail.condition = holds
    with pytest.raises(ForbiddenError):
        perform(stage, RevealThing(project="one", name="a"))
    assert stage.trail.outcomes() == ["denied"]


def test_a_secret_under_policies_that_never_rest_is_given_up() -> None:
    stage = Stage()
    stage.trail.condition = lambda _: False
    with pytest.raises(PolicyChangedError):
        perform(stage, RevealThing(project="one", name="a"))
    assert stage.trail.entries == []


# -- projects and organizations


def test_a_project_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        perform(Stage(), MakeThing(project="none", name="a"))


def test_a_project_the_caller_may_not_see_is_told_like_one_that_does_not_exist() -> None:
    stage = Stage()
    stage.policy.denied = {"governance:read-project"}
    with pytest.raises(NotFoundError) as caught:
        perform(stage, MakeThing(project="two", name="a"))
    assert caught.value.detail == NotFoundError("project").detail
    assert stage.log == []
    (entry,) = stage.trail.entries
    assert (entry.outcome, entry.project, entry.action) == ("denied", OTHER_TENANT.project, "sample:make")


def test_a_caller_sees_the_project_it_lives_in() -> None:
    stage = Stage()
    stage.policy.denied = {"governance:read-project"}
    assert perform(stage, THING).id == "a"


def test_who_may_do_nothing_of_the_kind_in_its_own_project_is_told_as_one_from_elsewhere() -> None:
    stage = Stage()
    stage.policy.denied, stage.policy.unreachable = {"governance:read-project"}, {"sample:make"}
    with pytest.raises(NotFoundError) as caught:
        perform(stage, THING)
    assert (caught.value.detail, stage.log) == (NotFoundError("project").detail, [])
    assert stage.trail.outcomes() == ["denied"]


def test_an_organization_must_be_visible_too() -> None:
    stage = Stage()
    operation = RenameOrganization(organization="org_1")
    assert perform(stage, operation) == "done"
    stage.policy.denied = {"governance:read-organization"}
    with pytest.raises(NotFoundError):
        perform(stage, operation)
    assert [entry.organization for entry in stage.trail.entries] == ["org_1", "org_1"]


def test_an_operation_on_the_instance_belongs_to_no_tenant() -> None:
    stage = Stage()
    perform(stage, Reset())
    assert (stage.trail.entries[0].organization, stage.trail.entries[0].project) == (None, None)


def test_a_question_about_another_project_is_a_mistake_of_ours() -> None:
    stage = Stage()
    caller = make_caller(tenant=None)

    async def misplaced(call: Any, operation: Any) -> Any:
        return await original(msgspec.structs.replace(call, tenant=OTHER_TENANT), operation)

    original, stage.make.prepare = stage.make.prepare, misplaced  # type: ignore[method-assign]
    with pytest.raises(UndecidedOperationError):
        perform(stage, THING, caller)


def test_roles_and_groups_are_parents_of_the_principal() -> None:
    stage = Stage()
    caller = make_caller(roles=(RoleGrant("admin", "prj_1"),))
    perform(stage, THING, msgspec.structs.replace(caller, groups=(("Acme::Directory", "dir_1"),)))
    principal, _ = stage.policy.asked[0]
    assert principal.entity == Entity("Identity", "idn_alice")
    assert principal.parents == (Entity("Role", "prj_1/admin"), Entity("Acme::Directory", "dir_1"))


# -- obligations


def test_an_asked_lifetime_above_the_ceiling_is_unacceptable_and_names_it() -> None:
    stage = Stage()
    stage.policy.obligations["sample:make"] = Obligations(max_ttl=hours(8))
    with pytest.raises(CeilingError, match="at most 28800 s") as caught:
        perform(stage, MakeThing(project="one", name="a", ttl=hours(9)))
    assert isinstance(caught.value, UnacceptableError)
    assert (caught.value.field, caught.value.rule) == ("ttl", "policy-max-ttl")
    assert stage.trail.outcomes() == ["denied"]


def test_an_asked_lifetime_of_exactly_the_ceiling_passes() -> None:
    stage = Stage()
    stage.policy.obligations["sample:make"] = Obligations(max_ttl=hours(8))
    assert perform(stage, MakeThing(project="one", name="a", ttl=hours(8))).lifetime == hours(8)


def test_what_is_denied_for_other_reasons_is_not_blamed_on_its_lifetime() -> None:
    stage = Stage()
    stage.policy.obligations["sample:make"] = Obligations(max_ttl=hours(8))
    stage.policy.denied = {"sample:make"}
    with pytest.raises(ForbiddenError):
        perform(stage, MakeThing(project="one", name="a", ttl=hours(9)))


def test_what_was_signed_for_longer_than_granted_is_dropped() -> None:
    stage = Stage()
    stage.policy.obligations["sample:make"] = Obligations(max_ttl=hours(8))
    stage.make.lifetime = hours(8) + timedelta(seconds=1)
    with pytest.raises(OverlongCredentialError):
        perform(stage, THING)
    assert stage.database.rows == []


def test_missing_approvals_are_counted_out_to_the_caller() -> None:
    stage = Stage(approvals=FakeApprovals(1))
    stage.policy.obligations["sample:make"] = Obligations(approvals=3)
    with pytest.raises(ForbiddenError, match="needs 3 approvals and 2 of them are missing"):
        perform(stage, THING)
    assert stage.trail.outcomes() == ["denied"]


def test_without_anybody_to_approve_nothing_is_approved() -> None:
    stage = Stage()
    stage.policy.obligations["sample:make"] = Obligations(approvals=1)
    with pytest.raises(ForbiddenError):
        perform(stage, THING)


def test_approvals_are_of_exactly_this_operation() -> None:
    approvals = FakeApprovals(1)
    stage = Stage(approvals=approvals)
    stage.policy.obligations["sample:make"] = Obligations(approvals=1)
    for name in ("a", "a", "b"):
        perform(stage, MakeThing(project="one", name=name))
    first, second, third = approvals.hashes
    assert first == second
    assert first != third


# -- a policy that changes meanwhile


def test_a_changed_policy_is_asked_again_without_signing_again() -> None:
    stage = Stage()
    stage.policy.stale_confirmations = 2
    perform(stage, THING)
    assert stage.log.count("sign") == 1
    assert stage.log.count("record") == 1
    assert len(stage.policy.asked) == 3


def test_a_right_removed_before_the_commit_is_gone() -> None:
    stage = Stage()
    stage.policy.stale_confirmations = 1
    stage.policy.on_stale = lambda: stage.policy.denied.add("sample:make")
    with pytest.raises(ForbiddenError):
        perform(stage, THING)
    assert stage.database.rows == []
    assert stage.trail.outcomes() == ["denied"]


def test_a_ceiling_lowered_before_the_commit_drops_what_was_signed() -> None:
    stage = Stage()
    stage.policy.stale_confirmations = 1
    lowered = Obligations(max_ttl=timedelta(minutes=1))
    stage.policy.on_stale = lambda: stage.policy.obligations.update({"sample:make": lowered})
    with pytest.raises(PolicyChangedError):
        perform(stage, THING)
    assert stage.database.rows == []


def test_a_policy_that_never_rests_ends_as_unavailable() -> None:
    stage = Stage()
    stage.policy.stale_confirmations = 1000
    with pytest.raises(PolicyChangedError):
        perform(stage, THING)
    assert stage.database.rows == []


def test_roles_older_than_the_policy_are_not_trusted() -> None:
    stage = Stage()
    stage.policy.generation = 7
    with pytest.raises(PolicyChangedError):
        perform(stage, THING, make_caller(generation=6))
    assert stage.database.rows == []


def test_roles_older_than_the_policy_are_read_again() -> None:
    class Refreshing:
        async def refresh(self, caller: Caller) -> Caller:
            return msgspec.structs.replace(caller, roles=(RoleGrant("viewer", "prj_1"),), generation=7)

    stage = Stage(callers=Refreshing())
    stage.policy.generation = 7
    perform(stage, THING, make_caller(generation=6))
    principal, _ = stage.policy.asked[-1]
    assert principal.parents == (Entity("Role", "prj_1/viewer"),)


# -- children


def test_parent_and_child_are_recorded_together_with_an_entry_each() -> None:
    stage = Stage()
    perform(stage, PAIR)
    assert stage.database.rows == [{"id": "parent"}, {"id": "b"}]
    child, parent = stage.trail.entries
    assert (child.action, parent.action) == ("sample:make", "sample:pair")
    assert child.parent == parent.id


def test_a_denied_child_fails_its_parent() -> None:
    stage = Stage()
    stage.policy.denied = {"sample:make"}
    with pytest.raises(ForbiddenError):
        perform(stage, PAIR)
    (entry,) = stage.trail.entries
    assert (entry.action, entry.outcome) == ("sample:make", "denied")
    assert entry.parent is not None
    assert stage.database.rows == []


def test_children_are_decided_again_with_their_parent() -> None:
    stage = Stage()
    stage.policy.stale_confirmations = 1
    stage.policy.on_stale = lambda: stage.policy.denied.add("sample:make")
    with pytest.raises(ForbiddenError):
        perform(stage, PAIR)
    assert stage.database.rows == []


def test_a_signed_child_that_is_not_recorded_fails_its_parent() -> None:
    stage = Stage()
    stage.pair.records_child = False
    with pytest.raises(OrphanedOperationError):
        perform(stage, PAIR)
    assert stage.trail.entries == []


def test_an_external_operation_is_nobodys_child() -> None:
    stage = Stage()

    async def sign(call: Any, draft: Any, grant: Any) -> Any:
        return await stage.gate.prepare(call, ReachOut(project="one", name="x"))

    stage.pair.sign = sign  # type: ignore[method-assign]
    with pytest.raises(OrphanedOperationError):
        perform(stage, PAIR)


def test_a_child_is_prepared_only_within_its_parent() -> None:
    stage = Stage()
    kept: list[Any] = []

    async def sign(call: Any, draft: Any, grant: Any) -> Any:
        kept.append(call)
        return draft

    stage.make.sign = sign  # type: ignore[method-assign]
    perform(stage, THING)
    with pytest.raises(OrphanedOperationError):
        asyncio.run(stage.gate.prepare(kept[0], THING))


# -- the world outside


def test_an_intent_is_durable_before_the_world_is_changed() -> None:
    stage = Stage()
    assert perform(stage, ReachOut(project="one", name="x")) == "x"
    assert stage.log == ["prepare", "intend", "effect", "record"]
    assert stage.database.rows == [{"id": "intent of x"}, {"id": "x"}]
    assert stage.trail.outcomes() == ["done"]


def test_a_failed_effect_leaves_the_intent_and_a_line_of_the_trail() -> None:
    stage = Stage()
    stage.reach.error = UnavailableError("The other side does not answer.")
    with pytest.raises(UnavailableError):
        perform(stage, ReachOut(project="one", name="x"))
    assert stage.database.rows == [{"id": "intent of x"}]
    (entry,) = stage.trail.entries
    assert (entry.outcome, entry.reason) == ("failed", "unavailable")
