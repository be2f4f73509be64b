"""External account binding over HTTP, on both engines (RFC 8555 section 7.3.4)."""

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update

from acme.directories import ExternalAccountRule
from acme.operations import (
    CreateExternalKey,
    DisableExternalKey,
    ListExternalKeys,
    NewExternalKey,
    ReadExternalKey,
)
from acme.storage.tables import EXTERNAL_KEYS
from ca_service.custody.errors import IntegrityError
from ca_service.database.port import Database, Transaction
from ca_service.database.statement import statement
from ca_service.gate.port import RequestContext
from ca_service.kernel.errors import NotFoundError, UnacceptableError
from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, sign_binding, sign_jws
from tests.support.acme_stack import DIRECTORY, URL, AcmeStack
from tests.support.fakes.gate import make_caller
from tests.support.fakes.kernel import FakeClock

BOUND = f"{URL}/acme/bound/directory"
JOSE = {"Content-Type": "application/jose+json"}
REQUEST = RequestContext("req_0")


@pytest.fixture
def stack(runner: asyncio.Runner, database: Database, clock: FakeClock) -> AcmeStack:
    made = AcmeStack(runner, database, clock)
    made.add_directory("bound", eab=ExternalAccountRule.REQUIRED)
    return made


def make_key(stack: AcmeStack, *, directory: str = "bound", **further: Any) -> NewExternalKey:
    """Make an external account key."""
    given = {"name": "clients", "identity": "idn_alice", **further}
    operation = CreateExternalKey(project="one", directory=directory, **given)
    return stack.runner.run(stack.gate.perform(make_caller(), operation, REQUEST)).answer


def perform(stack: AcmeStack, operation: Any) -> Any:
    return stack.runner.run(stack.gate.perform(make_caller(), operation, REQUEST)).answer


class Opening:
    """A good newAccount with a binding, of which a test spoils one thing."""

    def __init__(self, stack: AcmeStack, made: NewExternalKey, directory: str = BOUND) -> None:
        self.client = stack.client(directory)
        self.url = self.client.directory["newAccount"]
        self.kid, self.hmac_key = str(made.key.id), made.hmac_key.reveal()
        self.bound_key = self.client.key
        self.bound_url = self.url
        self.algorithm = "HS256"
        self.header: dict[str, Any] = {}
        self.spoil: Callable[[Any], Any] = lambda binding: binding

    def binding(self) -> Any:
        return self.spoil(
            sign_binding(
                self.kid,
                self.hmac_key,
                self.bound_key,
                self.bound_url,
                algorithm=self.algorithm,
                **self.header,
            )
        )

    def send(self, **payload: Any) -> Reply:
        return self.client.register(externalAccountBinding=self.binding(), **payload)


def uses(stack: AcmeStack, made: NewExternalKey) -> int:
    operation = ReadExternalKey(project="one", directory="bound", key=made.key.id)
    return int(perform(stack, operation).key.uses)


# ---------------------------------------------------------------- binding


def test_an_account_without_a_binding_is_refused_where_it_is_required(stack: AcmeStack) -> None:
    reply = stack.client(BOUND).register()
    assert (reply.status, reply.problem) == (403, "externalAccountRequired")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_a_good_binding_opens_an_account(stack: AcmeStack, algorithm: str) -> None:
    opening = Opening(stack, make_key(stack))
    opening.algorithm = algorithm
    assert opening.send().status == 201


def test_the_account_echoes_its_binding(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack))
    reply = opening.send()
    assert reply.json()["externalAccountBinding"] == opening.binding()
    read = opening.client.post(opening.client.kid or "")
    assert read.json()["externalAccountBinding"] == opening.binding()


def test_a_bound_account_takes_orders(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack))
    opening.send()
    assert opening.client.order("a.example").status == 201


def test_a_bound_account_is_found_by_its_key_without_a_binding(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack))
    location = opening.send().header("location")
    replies = [opening.client.register(), opening.client.register(onlyReturnExisting=True)]
    assert [(reply.status, reply.header("location")) for reply in replies] == [(200, location)] * 2


def test_only_an_existing_account_asks_for_no_binding(stack: AcmeStack) -> None:
    reply = stack.client(BOUND).register(onlyReturnExisting=True)
    assert reply.problem == "accountDoesNotExist"


def test_the_key_changes_and_the_binding_stays(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack))
    opening.send()
    binding = opening.binding()
    assert opening.client.change_key(ClientKey.new()).json()["externalAccountBinding"] == binding
    assert opening.client.order("a.example").status == 201


# ---------------------------------------------------------------- refusals


def _other_key(opening: Opening) -> None:
    opening.bound_key = ClientKey.new()


def _other_url(opening: Opening) -> None:
    opening.bound_url = opening.client.directory["newOrder"]


def _nonce(opening: Opening) -> None:
    opening.header["nonce"] = opening.client.nonce()


def _unknown_member(opening: Opening) -> None:
    opening.header["crit"] = ["exp"]


def _no_kid(opening: Opening) -> None:
    opening.header["kid"] = None


def _no_url(opening: Opening) -> None:
    opening.header["url"] = None


def _signature_algorithm(opening: Opening) -> None:
    opening.header["alg"] = "ES256"


def _no_algorithm(opening: Opening) -> None:
    opening.header["alg"] = "none"


def _unprotected(opening: Opening) -> None:
    opening.spoil = lambda binding: {**binding, "header": {}}


def _general(opening: Opening) -> None:
    opening.spoil = lambda binding: {"payload": binding["payload"], "signatures": [binding]}


def _text(opening: Opening) -> None:
    opening.spoil = lambda binding: "binding"


def _empty(opening: Opening) -> None:
    opening.spoil = lambda binding: {}


def _padded(opening: Opening) -> None:
    opening.spoil = lambda binding: {**binding, "signature": binding["signature"] + "="}


@pytest.mark.parametrize(
    "spoil",
    [
        _other_key,
        _other_url,
        _nonce,
        _unknown_member,
        _no_kid,
        _no_url,
        _signature_algorithm,
        _no_algorithm,
        _unprotected,
        _general,
        _text,
        _empty,
        _padded,
    ],
    ids=lambda spoil: spoil.__name__.strip("_"),
)
def test_a_binding_that_does_not_hold_together_is_malformed(
    stack: AcmeStack, spoil: Callable[[Opening], None]
) -> None:
    made = make_key(stack)
    opening = Opening(stack, made)
    spoil(opening)
    reply = opening.send()
    assert (reply.status, reply.problem, uses(stack, made)) == (400, "malformed", 0)


def _wrong_mac_key(opening: Opening) -> None:
    opening.hmac_key = b64(b"\1" * 64)


def _short_mac(opening: Opening) -> None:
    opening.spoil = lambda binding: {**binding, "signature": binding["signature"][:40]}


def _payload_changed(opening: Opening) -> None:
    opening.spoil = lambda binding: {**binding, "payload": b64(json.dumps(ClientKey.new().jwk).encode())}


def _unknown_kid(opening: Opening) -> None:
    opening.kid = opening.kid[:-1] + ("0" if opening.kid[-1] != "0" else "1")


def _hostile_kid(opening: Opening) -> None:
    opening.kid = "' OR 1=1 --"


REFUSED = [_wrong_mac_key, _short_mac, _payload_changed, _unknown_kid, _hostile_kid]


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__.strip("_"))
def test_a_binding_by_no_key_of_ours_is_unauthorized(
    stack: AcmeStack, spoil: Callable[[Opening], None]
) -> None:
    made = make_key(stack)
    opening = Opening(stack, made)
    spoil(opening)
    reply = opening.send()
    assert (reply.status, reply.problem, uses(stack, made)) == (403, "unauthorized", 0)


def test_an_unknown_key_id_is_not_told_from_a_wrong_hmac_key(stack: AcmeStack) -> None:
    details = []
    for spoil in (_wrong_mac_key, _unknown_kid):
        opening = Opening(stack, make_key(stack))
        spoil(opening)
        details.append(opening.send().json()["detail"])
    assert details[0] == details[1]


def test_a_key_of_another_directory_binds_nothing(stack: AcmeStack) -> None:
    stack.add_directory("third", eab=ExternalAccountRule.REQUIRED)
    assert Opening(stack, make_key(stack, directory="third")).send().problem == "unauthorized"


def test_a_binding_that_is_offered_is_verified_where_none_is_required(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack, directory="default"), DIRECTORY)
    _wrong_mac_key(opening)
    assert opening.send().problem == "unauthorized"


def test_a_good_binding_counts_where_none_is_required(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack, directory="default"), DIRECTORY)
    assert "externalAccountBinding" in opening.send().json()
    stack.sponsors.ended.add("idn_alice")
    assert opening.client.order("a.example").problem == "unauthorized"


# ---------------------------------------------------------------- uses and ends


def test_a_key_is_for_one_account_unless_it_says_otherwise(stack: AcmeStack) -> None:
    made = make_key(stack)
    assert Opening(stack, made).send().status == 201
    again = Opening(stack, made).send()
    assert (again.problem, "was used" in again.json()["detail"]) == ("unauthorized", True)


def test_a_key_binds_as_many_accounts_as_it_says(stack: AcmeStack) -> None:
    made = make_key(stack, maximum_uses=2)
    assert [Opening(stack, made).send().status for _ in range(3)] == [201, 201, 403]


def test_a_key_without_a_bound_binds_many(stack: AcmeStack) -> None:
    made = make_key(stack, maximum_uses=None)
    assert [Opening(stack, made).send().status for _ in range(4)] == [201] * 4
    assert uses(stack, made) == 4


@pytest.mark.parametrize(("most", "opened"), [(1, 1), (3, 3)])
def test_at_the_same_time_no_more_are_bound_than_a_key_is_for(
    stack: AcmeStack, most: int, opened: int
) -> None:
    made = make_key(stack, maximum_uses=most)
    openings = [Opening(stack, made) for _ in range(6)]
    url = openings[0].url
    bodies = [
        sign_jws(
            each.client.key,
            json.dumps({"externalAccountBinding": each.binding()}).encode(),
            each.client.header(url),
        )
        for each in openings
    ]

    async def at_once() -> list[Reply]:
        return await asyncio.gather(*(stack.exchange("POST", url, JOSE, body) for body in bodies))

    statuses = [reply.status for reply in stack.runner.run(at_once())]
    assert (statuses.count(201), statuses.count(403), uses(stack, made)) == (opened, 6 - opened, opened)


def test_two_requests_for_one_account_use_a_key_once(stack: AcmeStack) -> None:
    made = make_key(stack, maximum_uses=5)
    opening = Opening(stack, made)
    payload = json.dumps({"externalAccountBinding": opening.binding()}).encode()
    bodies = [sign_jws(opening.client.key, payload, opening.client.header(opening.url)) for _ in range(3)]

    async def at_once() -> list[Reply]:
        sent = (stack.exchange("POST", opening.url, JOSE, body) for body in bodies)
        return await asyncio.gather(*sent)

    statuses = sorted(reply.status for reply in stack.runner.run(at_once()))
    assert (statuses, uses(stack, made)) == ([200, 200, 201], 1)


def test_an_expired_key_binds_nothing_and_its_accounts_go_on(stack: AcmeStack) -> None:
    made = make_key(stack, maximum_uses=None, ttl=timedelta(days=1))
    early = Opening(stack, made)
    early.send()
    stack.clock.advance(timedelta(days=1))
    late = Opening(stack, made).send()
    assert (late.problem, "expired" in late.json()["detail"]) == ("unauthorized", True)
    assert early.client.order("a.example").status == 201


def disable(stack: AcmeStack, made: NewExternalKey) -> Any:
    return perform(stack, DisableExternalKey(project="one", directory="bound", key=made.key.id))


def test_a_disabled_key_binds_nothing(stack: AcmeStack) -> None:
    made = make_key(stack)
    disable(stack, made)
    reply = Opening(stack, made).send()
    assert (reply.problem, "disabled" in reply.json()["detail"]) == ("unauthorized", True)


def test_a_disabled_key_stops_its_accounts_at_their_next_request(stack: AcmeStack) -> None:
    made = make_key(stack)
    opening = Opening(stack, made)
    opening.send()
    disable(stack, made)
    client = opening.client
    replies = [client.order("a.example"), client.post(client.kid or ""), client.register()]
    assert [(reply.status, reply.problem) for reply in replies] == [(403, "unauthorized")] * 3


def test_a_disabled_key_stops_its_accounts_at_another_worker(
    runner: asyncio.Runner, database: Database, clock: FakeClock, stack: AcmeStack
) -> None:
    made = make_key(stack)
    opening = Opening(stack, made)
    opening.send()
    elsewhere = AcmeStack(runner, database, clock, is_first=False)
    client = AcmeClient(elsewhere.send, BOUND, opening.client.key)
    client.kid = opening.client.kid
    assert client.post(client.kid or "").status == 200
    disable(stack, made)
    assert client.post(client.kid or "").problem == "unauthorized"


def test_a_disabled_identity_stops_its_accounts_at_their_next_request(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack))
    opening.send()
    stack.sponsors.ended.add("idn_alice")
    replies = [opening.client.order("a.example"), opening.client.register()]
    assert [(reply.status, reply.problem) for reply in replies] == [(403, "unauthorized")] * 2


def test_a_key_of_a_disabled_identity_binds_nothing(stack: AcmeStack) -> None:
    made = make_key(stack)
    stack.sponsors.ended.add("idn_alice")
    assert Opening(stack, made).send().problem == "unauthorized"
    assert uses(stack, made) == 0


def test_a_request_of_a_stopped_account_uses_its_nonce_up(stack: AcmeStack) -> None:
    opening = Opening(stack, make_key(stack))
    opening.send()
    stack.sponsors.ended.add("idn_alice")
    client = opening.client
    body = sign_jws(client.key, b"", client.header(client.kid or ""))
    replies = [client.post_raw(client.kid or "", body) for _ in range(2)]
    assert [reply.problem for reply in replies] == ["unauthorized", "badNonce"]


def test_disabling_twice_keeps_the_first_moment(stack: AcmeStack) -> None:
    made = make_key(stack)
    first = disable(stack, made)
    stack.clock.advance(timedelta(hours=1))
    assert disable(stack, made) == first


# ---------------------------------------------------------------- keys


def test_the_hmac_key_is_in_no_row(stack: AcmeStack, database: Database, runner: asyncio.Runner) -> None:
    made = make_key(stack)
    rows = runner.run(database.read(statement(select(EXTERNAL_KEYS.c.sealed_key))))
    secret = made.hmac_key.reveal()
    raw = base64.urlsafe_b64decode(secret + "==")
    assert all(raw not in bytes(row[0]) and secret.encode() not in bytes(row[0]) for row in rows)


@pytest.mark.parametrize(
    ("column", "value"),
    [("uses", 0), ("maximum_uses", 99), ("identity", "idn_bob"), ("disabled_at", None), ("expires_at", None)],
)
def test_a_row_that_was_edited_is_found_out(
    stack: AcmeStack, database: Database, column: str, value: str | int | None
) -> None:
    made = make_key(stack, maximum_uses=3, ttl=timedelta(days=1))
    Opening(stack, made).send()
    disable(stack, made)
    change = statement(update(EXTERNAL_KEYS).values({column: bindparam("new_value")}))

    async def edit(transaction: Transaction) -> None:
        await transaction.execute(change, new_value=value)

    stack.runner.run(database.begin(edit))
    with pytest.raises(IntegrityError):
        perform(stack, ReadExternalKey(project="one", directory="bound", key=made.key.id))


def test_keys_are_listed_page_by_page(stack: AcmeStack) -> None:
    made = []
    for _ in range(3):
        made.append(make_key(stack).key.id)
        stack.clock.advance(timedelta(seconds=1))
    first = perform(stack, ListExternalKeys(project="one", directory="bound", limit=2))
    after = first.next_key
    second = perform(stack, ListExternalKeys(project="one", directory="bound", limit=2, after=after))
    assert [view.key.id for view in (*first.items, *second.items)] == made
    assert second.next_key is None


@pytest.mark.parametrize("identity", ["idn_mallory", "idn_nobody", ""])
def test_a_key_is_for_an_identity_of_the_organization(stack: AcmeStack, identity: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        make_key(stack, identity=identity)
    assert caught.value.noun == "identity"


@pytest.mark.parametrize("most", [0, -1, 10**9])
def test_a_key_is_for_a_sensible_number_of_accounts(stack: AcmeStack, most: int) -> None:
    with pytest.raises(UnacceptableError) as caught:
        make_key(stack, maximum_uses=most)
    assert caught.value.field == "maximum_uses"


def test_the_trail_says_which_key_bound_an_account_for_whom(stack: AcmeStack) -> None:
    made = make_key(stack)
    Opening(stack, made).send()
    [entry] = [each for each in stack.trail.entries if each.action == "acme:create-account"]
    assert (entry.details["external_key"], entry.details["identity"]) == (made.key.id, "idn_alice")


def test_no_secret_is_in_the_trail(stack: AcmeStack) -> None:
    made = make_key(stack)
    Opening(stack, made).send()
    assert made.hmac_key.reveal() not in repr(stack.trail.entries)
