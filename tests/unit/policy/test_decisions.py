"""What the engine decides: deny by default, forbid wins, each place for itself."""

from datetime import timedelta

import pytest

from ca_service.custody.errors import IntegrityError
from ca_service.policy.engine import PolicyEngine
from ca_service.policy.errors import QuestionError, SchemaError
from ca_service.policy.names import parse_dns_name
from ca_service.policy.schema import join_schema
from ca_service.policy.sets import BuiltInPolicy
from ca_service.policy.values import Access, Entity, Principal, Resource
from tests.support.fakes.policy import (
    OTHER_TENANT,
    SCHEMA,
    TENANT,
    FakePolicyDatabase,
    authority,
    identity,
    issuing,
    make_engine,
)

ISSUE = 'permit(principal, action == Action::"x509:issue", resource);'
PUBLISH = BuiltInPolicy(
    "built-in:publish-crl",
    'permit(principal == System::"publish-crl", action == Action::"x509:publish-crl", resource);',
)
JOB = Principal(Entity("System", "publish-crl"))
PUBLISHING = Access("x509:publish-crl", authority(), "x509:read-authority")


@pytest.fixture
def rows() -> FakePolicyDatabase:
    return FakePolicyDatabase()


@pytest.fixture
def engine(rows: FakePolicyDatabase) -> PolicyEngine:
    return make_engine(rows, built_ins=[PUBLISH], reserved_names=["ca.example.com"])


async def test_what_no_policy_permits_is_denied(engine: PolicyEngine) -> None:
    decision = await engine.decide(identity(), issuing())
    assert (decision.allowed, decision.policies) == (False, ())
    assert decision.reason == "No policy permits x509:issue on this authority."


async def test_a_stored_policy_permits_and_is_named_by_its_row(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    policy_id = rows.store(ISSUE)
    decision = await engine.decide(identity(), issuing())
    assert (decision.allowed, decision.policies) == (True, (policy_id,))


async def test_one_permit_answers_for_all_resources_that_no_policy_tells_apart(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store(ISSUE)
    first = await engine.decide(identity(), issuing(resource=_authority("aut_1")))
    second = await engine.decide(identity(), issuing(resource=_authority("aut_2"), profile="client"))
    assert first.allowed
    assert second.id == first.id


async def test_so_does_the_permit_of_a_role(engine: PolicyEngine) -> None:
    member = identity("prj_1/member")
    answers = [await engine.decide(member, issuing(resource=_authority(name))) for name in "ab"]
    assert [answer.allowed for answer in answers] == [True, True]
    assert answers[0].id == answers[1].id


async def test_no_denial_answers_for_another_resource(engine: PolicyEngine) -> None:
    answers = [await engine.decide(identity(), issuing(resource=_authority(name))) for name in "ab"]
    assert answers[0].id != answers[1].id


async def test_a_policy_that_names_a_resource_permits_no_other(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store('permit(principal, action == Action::"x509:issue", resource == Authority::"aut_1");')
    answers = [await engine.decide(identity(), issuing(resource=_authority(f"aut_{n}"))) for n in (1, 2)]
    assert [answer.allowed for answer in answers] == [True, False]


async def test_a_forbid_wins_over_every_permit(engine: PolicyEngine, rows: FakePolicyDatabase) -> None:
    rows.store(ISSUE)
    forbid = rows.store(
        'forbid(principal, action, resource) when { context has name && context.name.value == "a.b" };'
    )
    decision = await engine.decide(identity("instance/administrator"), issuing(parse_dns_name("a.b")))
    assert (decision.allowed, decision.policies) == (False, (forbid,))
    assert "for the name a.b" in decision.reason


async def test_a_disabled_policy_says_nothing(engine: PolicyEngine, rows: FakePolicyDatabase) -> None:
    rows.store(ISSUE, enabled=False)
    assert not (await engine.decide(identity(), issuing())).allowed


async def test_a_projects_policy_never_applies_outside_it(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store("permit(principal, action, resource);", TENANT)
    assert (await engine.decide(identity(), issuing())).allowed
    assert not (await engine.decide(identity(), issuing(resource=authority(OTHER_TENANT)))).allowed
    instance = Resource(Entity("Instance", "instance"), "instance", None)
    asked = Access("governance:write-instance", instance, "governance:write-instance")
    assert not (await engine.decide(identity(), asked)).allowed


async def test_an_instance_policy_applies_everywhere(engine: PolicyEngine, rows: FakePolicyDatabase) -> None:
    rows.store(ISSUE, None)
    assert (await engine.decide(identity(), issuing())).allowed
    assert (await engine.decide(identity(), issuing(resource=authority(OTHER_TENANT)))).allowed


async def test_a_policy_for_somebody_else_says_nothing(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store('permit(principal == Identity::"idn_bob", action, resource);')
    assert not (await engine.decide(identity(), issuing())).allowed
    assert (await engine.decide(identity(name="idn_bob"), issuing())).allowed


async def test_a_policy_may_look_at_the_resources_attributes(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store(
        "permit(principal, action, resource is Authority) "
        'when { resource has name && resource.name == "web" };'
    )
    assert (await engine.decide(identity(), issuing(resource=authority(name="web")))).allowed
    assert not (await engine.decide(identity(), issuing(resource=authority(name="db")))).allowed


async def test_a_forbid_that_cannot_be_evaluated_forbids(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store(ISSUE)
    broken = rows.store("forbid(principal, action, resource) when { context.no_such_attribute };")
    decision = await engine.decide(identity(), issuing())
    assert (decision.allowed, decision.policies) == (False, (broken,))


async def test_a_permit_that_cannot_be_evaluated_permits_nothing(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store("permit(principal, action, resource) when { context.no_such_attribute };")
    assert not (await engine.decide(identity(), issuing())).allowed


async def test_a_lifetime_stands_in_the_context_only_if_it_was_asked_for(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store(ISSUE)
    rows.store(
        'forbid(principal, action == Action::"x509:issue", resource) '
        'when { context has ttl && context.ttl > duration("8h") };'
    )
    assert (await engine.decide(identity(), issuing())).allowed
    assert (await engine.decide(identity(), issuing(ttl=timedelta(hours=8)))).allowed
    assert not (await engine.decide(identity(), issuing(ttl=timedelta(hours=8, microseconds=1)))).allowed


async def test_a_job_may_do_what_its_built_in_policy_says_and_nothing_else(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store("permit(principal, action, resource);")
    rows.store("forbid(principal, action, resource);")
    assert (await engine.decide(JOB, PUBLISHING)).allowed
    assert not (await engine.decide(JOB, issuing())).allowed
    assert not (await engine.decide(Principal(Entity("System", "other")), PUBLISHING)).allowed


async def test_an_edited_policy_stops_every_decision_it_may_govern(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    policy_id = rows.store(ISSUE)
    rows.edits[policy_id] = {"text": "permit(principal, action, resource);"}
    with pytest.raises(IntegrityError, match=policy_id):
        await engine.decide(identity(), issuing())
    assert not (await engine.decide(identity(), issuing(resource=authority(OTHER_TENANT)))).allowed


async def test_a_policy_switched_off_behind_our_back_is_found(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    policy_id = rows.store("forbid(principal, action, resource);")
    rows.edits[policy_id] = {"is_enabled": 0}
    with pytest.raises(IntegrityError):
        await engine.decide(identity("prj_1/admin"), issuing())


async def test_a_stored_text_that_cannot_be_read_is_not_left_out(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store("forbid(principal, action, resource) when { a language of tomorrow };")
    with pytest.raises(SchemaError):
        await engine.decide(identity("prj_1/admin"), issuing())


async def test_a_decision_is_cached_under_its_generation(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    rows.store(ISSUE)
    first = await engine.decide(identity(), issuing())
    again = await engine.decide(identity(), issuing())
    rows.announce()
    later = await engine.decide(identity(), issuing())
    assert again is first
    assert (later.id, later.generation) != (first.id, first.generation)


async def test_other_facts_are_another_decision(engine: PolicyEngine, rows: FakePolicyDatabase) -> None:
    rows.store(
        'permit(principal, action == Action::"x509:issue", resource) when { context.profile == "server" };'
    )
    assert (await engine.decide(identity(), issuing())).allowed
    assert not (await engine.decide(identity(), issuing(profile="client"))).allowed
    assert not (await engine.decide(identity(), issuing(resource=authority(OTHER_TENANT)))).allowed
    assert (await engine.decide(identity("prj_1/no-access"), issuing())).allowed is False


async def test_the_generation_is_read_again_only_when_something_changed(
    engine: PolicyEngine, rows: FakePolicyDatabase
) -> None:
    for _ in range(5):
        await engine.current_generation()
    assert rows.reads_of_generation == 1
    rows.announce()
    assert await engine.current_generation() == 1


async def test_without_a_hint_the_generation_is_read_every_time() -> None:
    rows = FakePolicyDatabase(clock_hint=None)
    engine = make_engine(rows)
    for _ in range(3):
        await engine.current_generation()
    assert rows.reads_of_generation == 3


@pytest.mark.parametrize(
    "access",
    [
        Access("x509:no-such-action", authority(), "x509:read-authority"),
        Access("x509:issue", authority(), "x509:read-authority", {"profile": "server"}),
        Access("x509:issue", authority(), "x509:read-authority", {"profile": 3, "key_algorithm": "EC_P256"}),
        Access("x509:read-authority", authority(owner="alice"), "x509:read-authority"),
        Access("x509:read-authority", authority(name=3), "x509:read-authority"),
        Access(
            "x509:read-authority", Resource(Entity("Secret", "s"), "secret", TENANT), "x509:read-authority"
        ),
        issuing(directory=2**70),
    ],
)
async def test_a_question_outside_the_schema_is_our_mistake(engine: PolicyEngine, access: Access) -> None:
    with pytest.raises(QuestionError):
        await engine.decide(identity("prj_1/admin"), access)


async def test_a_caller_may_be_asked_about_itself(engine: PolicyEngine, rows: FakePolicyDatabase) -> None:
    rows.store(
        'permit(principal, action == Action::"identity:read-self", resource) when { principal == resource };',
        None,
    )
    alice = identity("prj_1/viewer")
    itself = Access("identity:read-self", Resource(alice.entity, "caller", None), "identity:read-self")
    bob = Access(
        "identity:read-self", Resource(identity(name="idn_bob").entity, "caller", None), "identity:read-self"
    )
    assert (await engine.decide(alice, itself)).allowed
    assert not (await engine.decide(alice, bob)).allowed


def test_a_built_in_policy_that_does_not_fit_the_schema_is_found_at_start() -> None:
    wrong = BuiltInPolicy("built-in:wrong", 'permit(principal, action == Action::"x509:isue", resource);')
    with pytest.raises(SchemaError, match="built-in:wrong"):
        make_engine(FakePolicyDatabase(), built_ins=[wrong])


def test_two_built_in_policies_with_one_id_are_found_at_start() -> None:
    with pytest.raises(SchemaError, match="same id"):
        make_engine(FakePolicyDatabase(), built_ins=[PUBLISH, PUBLISH])


def test_fragments_that_do_not_join_are_found_at_start() -> None:
    with pytest.raises(SchemaError, match="Nowhere"):
        make_engine(FakePolicyDatabase(), schema=join_schema(["entity Key in [Nowhere];"]))


def test_a_name_of_another_type_is_found_at_start() -> None:
    fragment = """action "ssh:sign" in [Action::"uses"] appliesTo {
        principal: [User], resource: [Project], context: { name: String } };"""
    with pytest.raises(SchemaError, match="name"):
        make_engine(FakePolicyDatabase(), schema=SCHEMA + fragment)


def _authority(name: str) -> Resource:
    return Resource(Entity("Authority", name), "authority", TENANT)
