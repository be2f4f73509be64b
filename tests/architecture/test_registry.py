"""The registry and what is around it: schema, samples, routes, errors, timers, what passes by the gate."""

import ast
import importlib
import inspect
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar

from acme.http import door as acme_door
from acme.wire import problems as acme_problems
from ca_service.composition import MODULES, World, compose
from ca_service.config import Config
from ca_service.gate.handler import Reader
from ca_service.gate.operation import Operation, OrganizationOperation, ProjectOperation
from ca_service.gate.port import RequestContext
from ca_service.kernel.errors import KeywrightError
from ca_service.policy.schema import PolicySchema, join_schema
from ca_service.web.instance.module import SCHEMA as INSTANCE_SCHEMA
from ca_service.web.problems import STATUS_AND_TITLE, render_problem
from tests.support.databases import SqliteTemplate
from tests.support.errors import every_error, instance_of
from tests.support.faults import FailedCommitError
from tests.support.holders import make_holder
from tests.support.instance import Instance
from tests.support.sample import JOBS as JOB_CALLERS
from tests.support.sample import template_of
from tests.support.samples import SAMPLES, By, Jws, Knock, Sample
from tests.support.scene import Scene
from tests.support.source import shown, source_files, tree_of

#: Actions that are asked about beside an operation's own.
FURTHER_ACTIONS = {"ssh:revoke-unknown": "revoking a number that the inventory lost (S6)"}
#: Operations that no route performs.
WITHOUT_A_ROUTE = {
    "AnnounceEnds": "the notifying job's",
    "ContinueRevocation": "the revoking job's",
    "DeliverEvent": "the notifying job's",
    "DestroyKmsKey": "the destroying job's",
    "EndDueLease": "that of the job which ends leases",
    "PublishKeyRevocationList": "the publishing job's",
    "PublishRevocationList": "the publishing job's",
    "RotateResponder": "the publishing job's",
    "ReserveAccountKey": "ACME's, with newAccount and keyChange",
    "ValidateChallenge": "the validating job's",
}
#: Routes that answer without a token, by the name of their function.
PUBLIC_ROUTES = {
    "healthz": "says that the process answers",
    "readyz": "says whether work can be done",
    "openapi": "the description of the API",
    "roots": "the trust anchors",
    "certificate_der": "a CA certificate",
    "certificate_pem": "a CA certificate",
    "revocation_list": "a CRL",
    "revocation_list_shard": "a shard of a CRL",
    "read_status": "an OCSP answer to a GET",
    "ask_status": "an OCSP answer to a POST",
    "user_authority_keys": "the keys of SSH authorities for users",
    "host_authority_keys": "the keys of SSH authorities for hosts",
    "key_revocation_list": "a KRL",
    "key_revocation_list_signature": "its signature",
    "log_in_universally": "performs LogIn as the identity that the login method verified",
    "answer_acme": "performs as the account that a verified JWS established",
    "challenge_host": "what a host signs to prove itself; nothing is kept of it",
    "enrol_ssh_host": "performs EnrolSshHost as the host that proved its keys and a token or certificate",
    "renew_ssh_host": "performs RenewSshHost as the host that signed with its key",
    "read_own_logins": "performs ReadHostLogins as the host that signed with its key",
}
#: Public routes that perform an operation all the same.
PUBLIC_AND_PERFORMING = {
    "log_in_universally",
    "answer_acme",
    "enrol_ssh_host",
    "renew_ssh_host",
    "read_own_logins",
}
#: Operations of theirs that have no other door.
OF_PUBLIC_ROUTES = {"LogIn", "EnrolSshHost", "RenewSshHost"}
TIMERS = {
    "audit-sequence": "numbers and signs the trail",
    "idempotency-keys": "forgets answers and keys (S10)",
    "identity-tokens": "forgets tokens long after their end",
    "x509-deliveries": "forgets the log of what was told after 30 days",
    "x509-ends": "performs AnnounceEnds as its job",
    "x509-hashes": "fills the hashes of certificates of an earlier release",
    "x509-renewals": "performs RenewCertificate as the owner of a kept key (S15)",
    "x509-revocation-lists": "performs PublishRevocationList as its job",
    "x509-ocsp-responders": "performs RotateResponder as the publishing job",
    "ssh-revocation-lists": "performs PublishKeyRevocationList as its job",
    "kms-deletions": "performs DestroyKmsKey as its job",
    "dynamic-leases": "performs EndDueLease as its job",
    "acme-nonces": "forgets used nonces (S16)",
    "acme-orders": "forgets orders and authorizations that expired 30 days ago and came to nothing (S8)",
}
JOBS = {
    "acme-validate": "performs ValidateChallenge as its job",
    "x509-deliver": "performs DeliverEvent as its job",
    "x509-revoke-many": "performs ContinueRevocation as its job",
}
#: Files that write or audit without the gate: nothing a caller owns, or before there is a caller.
AROUND_THE_GATE = {
    "ca_service/audit/sequencer.py": "chains what the trail already holds",
    "ca_service/audit/sinks/file.py": "remembers how far a sink has come",
    "ca_service/audit/storage.py": "writes the line of the trail itself",
    "ca_service/custody/key_ring.py": "makes a tenant's key at its first use",
    "ca_service/custody/recovery.py": "keeps the recovery slot, on the console",
    "ca_service/custody/root_key.py": "ties a new database to its root key",
    "ca_service/identity/authenticator.py": "counts the uses of a token, before there is a caller",
    "ca_service/serve/backup.py": "fills an empty database, on the console: nobody is there yet to ask",
    "ca_service/identity/bootstrap.py": "the administrator's first token, on the console (S13)",
    "ca_service/identity/failures.py": "failed logins: nobody was established (S8)",
    "ca_service/identity/lockouts/guard.py": "counts wrong secrets: nobody was established (S8)",
    "ca_service/identity/sweep.py": "forgets ended tokens",
    "ca_service/queue/runner.py": "leases jobs; what they do is performed",
    "ca_service/queue/timers.py": "the lease of housekeeping",
    "ca_service/serve/clock.py": "accepts the time, on the console (S23)",
    "ca_service/web/refusals.py": "strangers' refusals, joined (S8)",
    "ca_service/x509/handlers/publish_revocation_list.py": "takes a number for good before it signs (S6)",
    "ca_service/x509/publication.py": "takes the turn to publish, so that one process does (S6)",
    "ca_service/x509/life_jobs.py": "forgets old lines of the log of deliveries",
    "ca_service/x509/listener.py": "the certificate of our own listener",
    "ca_service/x509/renewals.py": "notes why a renewal was refused; the renewal itself is performed",
    "ca_service/x509/storage/hashes.py": "fills hashes that an earlier release did not know",
    "acme/storage/expired.py": "forgets what expired long ago and came to nothing (S8)",
    "acme/storage/nonces.py": "uses a nonce up, before there is a caller (S16)",
    "ssh_ca/handlers/publish_revocation_list.py": "takes a version for good before it signs (S6)",
    "ssh_ca/serial_numbers.py": "takes numbers for good before it signs (S6)",
    "secrets_core/dynamic/handlers/create_lease.py": "notes that an account was not made, after the refusal",
    "secrets_core/dynamic/jobs.py": "claims what is due; its end is performed",
}
_BASES = {"Operation", "ProjectOperation", "OrganizationOperation"}


def declared_operations() -> set[type[Operation[Any]]]:
    """Return every operation class in the source."""
    found: set[Any] = set()
    for file in source_files():
        for node in tree_of(file).body:
            if isinstance(node, ast.ClassDef) and _BASES & {_root_name(base) for base in node.bases}:
                module = importlib.import_module(shown(file).removesuffix(".py").replace("/", "."))
                found.add(getattr(module, node.name))
    found.discard(ProjectOperation)
    found.discard(OrganizationOperation)
    return found


def _root_name(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def route_handlers(app: Any) -> list[tuple[str, str, Any]]:
    """Return (method, path, handler) of every route."""
    while not isinstance(app, Litestar):
        app = app._make_whole()  # what stands in front of the router routes nothing of its own
    return [
        (str(method), route.path_format, handler)
        for route in app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
        if handler.fn.__name__ != "options_handler"
    ]


def calls_in(function: Any) -> set[str]:
    """Return the names of everything a function calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }


def test_every_operation_in_the_source_has_exactly_one_handler(scene: Scene) -> None:
    answered = Counter(op for part in scene.instance.graph.contributions for op in part.handlers)
    assert set(answered) == declared_operations()
    assert set(answered.values()) == {1}


async def test_composition_builds_the_registry_that_the_suites_go_over(
    scene: Scene, sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    sqlite_template.copy_to(tmp_path)
    world = World("https://ca.example", "http://ca.example")
    graph = await compose(Config(data=str(tmp_path)), world, version="1.2.3")
    await graph.foundation.database.close()
    built = {op: type(handler) for part in graph.contributions for op, handler in part.handlers.items()}
    watched = {op: type(wrapper.handler) for op, wrapper in scene.instance.handlers.items()}  # type: ignore[union-attr]
    assert built == watched


def test_every_operation_has_a_sample(scene: Scene) -> None:
    assert set(scene.instance.handlers) == {sample.operation for sample in SAMPLES}


def test_samples_are_told_apart_by_name() -> None:
    assert len({sample.name for sample in SAMPLES}) == len(SAMPLES)


def test_the_policy_knows_the_actions_of_the_operations_and_no_others(scene: Scene) -> None:
    schema = PolicySchema(join_schema([*(module.schema for module in MODULES), INSTANCE_SCHEMA]))
    actions = {operation.action for operation in scene.instance.handlers}
    assert schema.actions == actions | FURTHER_ACTIONS.keys()


def test_what_says_that_it_reads_is_answered_by_a_reader(scene: Scene) -> None:
    said = {operation: operation.reads for operation in scene.instance.handlers}
    assert said == {
        operation: isinstance(handler, Reader) for operation, handler in scene.instance.handlers.items()
    }


def test_every_route_with_a_token_performs_an_operation(scene: Scene) -> None:
    silent = [
        f"{method} {path}"
        for method, path, handler in route_handlers(scene.instance.app)
        if not handler.opt.get("public") and "perform" not in calls_in(handler.fn)
    ]
    assert silent == []


def test_every_public_route_is_on_the_list(scene: Scene) -> None:
    public = {
        handler.fn.__name__
        for _, _, handler in route_handlers(scene.instance.app)
        if handler.opt.get("public")
    }
    assert public == set(PUBLIC_ROUTES)


def test_public_routes_perform_nothing_but_what_establishes_its_own_caller(scene: Scene) -> None:
    performing = {
        handler.fn.__name__
        for _, _, handler in route_handlers(scene.instance.app)
        if handler.opt.get("public") and {"perform", "perform_as"} & calls_in(handler.fn)
    }
    # ACME's one route leads to functions of their own: the next test.
    assert performing == PUBLIC_AND_PERFORMING - {"answer_acme"}


@pytest.mark.parametrize("place", acme_door._POST, ids=str)
def test_every_signed_request_of_acme_performs_an_operation(place: tuple[str, bool, str]) -> None:
    assert {"perform", "perform_as"} & calls_in(acme_door._POST[place].answer)


def test_every_route_with_a_token_has_a_sample(scene: Scene) -> None:
    routes = {
        (method, template_of(path))
        for method, path, handler in route_handlers(scene.instance.app)
        if not handler.opt.get("public")
    }
    knocks = {
        (sample.knock.method, sample.knock.template) for sample in SAMPLES if isinstance(sample.knock, Knock)
    }
    assert routes == knocks


def test_every_signed_request_of_acme_has_a_sample() -> None:
    asked = {sample.knock.resource for sample in SAMPLES if isinstance(sample.knock, Jws)}
    kinds = {tuple(resource.strip("/").split("/")) for resource in asked}
    places = {
        (kind, *(("{}",) if has_id else ()), *((verb,) if verb else ()))
        for kind, has_id, verb in acme_door._POST
        # The further chains of a certificate are read by the operation that reads the first.
        if not verb.isdecimal()
    }
    assert {tuple(template_of(part) for part in kind) for kind in kinds} == places


def test_every_operation_is_performed_at_a_door_or_on_the_list() -> None:
    at_doors = {sample.operation.__name__ for sample in SAMPLES if sample.knock is not None}
    at_doors |= OF_PUBLIC_ROUTES
    assert {sample.operation.__name__ for sample in SAMPLES} - at_doors == set(WITHOUT_A_ROUTE)


def test_every_route_that_answers_created_honours_an_idempotency_key(scene: Scene) -> None:
    creating = {
        (method, template_of(path))
        for method, path, handler in route_handlers(scene.instance.app)
        if "created" in calls_in(handler.fn)
    }
    forgetful = {
        sample.operation.__name__
        for sample in SAMPLES
        if isinstance(sample.knock, Knock)
        and (sample.knock.method, sample.knock.template) in creating
        and not sample.operation.idempotent
        and not sample.operation.reads
    }
    assert forgetful == set()


def idempotent_samples() -> dict[type[Operation[Any]], Sample]:
    """Return one sample of each operation that honours an idempotency key."""
    return {sample.operation: sample for sample in reversed(SAMPLES) if sample.operation.idempotent}


async def test_every_answer_that_is_kept_is_replayed_as_it_was(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    instance = await Instance.open(tmp_path, sqlite_template)
    holder = await make_holder(instance, "oats")
    different = []
    for sample in idempotent_samples().values():
        operation, caller = sample.ask(holder.things), sample.caller(holder)
        request = RequestContext("req_test", "key-1")
        first = await instance.gate.perform(caller, operation, request)
        again = await instance.gate.perform(caller, operation, request)
        if (first.replayed, again.replayed, again.answer) != (False, True, first.answer):
            different.append(sample.name)
    await instance.close()
    assert different == []


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
@pytest.mark.parametrize("job", sorted(JOB_CALLERS, key=str), ids=lambda by: by.value)
def test_a_job_may_do_its_own_verb_and_no_other(scene: Scene, job: By, sample: Sample) -> None:
    caller = Sample(name="job", ask=sample.ask, by=job).caller(scene.a)
    scene.instance.database.commits_fail = True
    outcome = scene.outcome(sample.ask(scene.a.things), caller)
    assert isinstance(outcome, FailedCommitError) is (sample.by is job)
    assert isinstance(outcome, KeywrightError)


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_error_is_rendered_for_our_api(error: type[KeywrightError]) -> None:
    assert error.kind in STATUS_AND_TITLE
    rendered = render_problem(instance_of(error), "req_1")
    assert rendered.status == STATUS_AND_TITLE[error.kind][0]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_every_error_is_rendered_for_acme(error: type[KeywrightError]) -> None:
    assert error.kind in acme_problems.BY_KIND
    rendered = acme_problems.render_problem(instance_of(error), "req_1")
    assert 400 <= rendered.status < 600


def test_housekeeping_is_this_and_nothing_else(scene: Scene) -> None:
    named = [timer.name for part in scene.instance.graph.contributions for timer in part.timers]
    assert sorted(named) == sorted(TIMERS)


def test_jobs_are_these_and_no_others(scene: Scene) -> None:
    kinds = [kind for part in scene.instance.graph.contributions for kind in part.job_handlers]
    assert sorted(kinds) == sorted(JOBS)


def test_what_goes_around_the_gate_is_on_the_list() -> None:
    beside = {
        shown(file)
        for file in source_files()
        if not shown(file).startswith(("ca_service/gate/", "ca_service/database/"))
        and any(_writes_by_itself(node) for node in ast.walk(tree_of(file)))
    }
    assert beside == set(AROUND_THE_GATE)


def _writes_by_itself(node: ast.AST) -> bool:
    """Tell a call that opens a transaction, or writes a line of the trail outside of the gate."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = ast.unparse(node.func.value).rpartition(".")[2].lstrip("_")
    if owner == "database":
        return node.func.attr in {"begin", "append"}
    return owner in {"audit", "trail"} and node.func.attr in {"record", "append", "append_where", "deny"}
