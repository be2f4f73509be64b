"""ACME requests at the same moment, as scenarios that any server can be put through.

`ARENA.race` sends requests that were signed beforehand at once and returns their answers in the same order.
Each scenario has one thing that only one request may win, and fails unless exactly one did.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from tests.support.acme_client import AcmeClient, ClientKey, Reply, b64, make_csr, sign_binding, sign_jws
from tests.support.acme_client import sign_key_change as sign_inner

MANY = 6
_ROUNDS = 4


class Signed(Struct, frozen=True):
    """One request, ready to be sent."""

    url: str
    body: bytes


class Arena(Protocol):
    """A server that races are held at."""

    def client(self, key: ClientKey | None = None) -> AcmeClient:
        """Return a client without an account."""

    def race(self, *requests: Signed) -> list[Reply]:
        """Send these requests at once."""

    def prove(self, client: AcmeClient, order: Reply) -> None:
        """Answer the challenges of an order by http-01 until it is no longer pending."""

    def looks(self, token: str) -> int:
        """Return how often a challenge was looked at, once all looks are over."""

    def issued(self, name: str) -> int:
        """Return how many certificates for a name are in the inventory."""

    def new_name(self) -> str:
        """Return a name that nobody ordered yet."""

    def new_external_key(self, uses: int) -> tuple[str, str]:
        """Return key id and HMAC key of an external account that so many accounts may be bound to."""


Scenario: TypeAlias = Callable[[Arena], None]


def sign(client: AcmeClient, url: str, payload: Any, **changes: Any) -> Signed:
    """Return a request of a client, signed with a fresh nonce unless `changes` has one."""
    return Signed(url, sign_jws(client.key, json.dumps(payload).encode(), client.header(url, **changes)))


def open_account(arena: Arena) -> AcmeClient:
    """Return a client with an account."""
    client = arena.client()
    assert client.register().status == 201
    return client


def ready_order(arena: Arena) -> tuple[AcmeClient, str, dict[str, Any]]:
    """Return an account, a name, and an order for it that waits for its CSR."""
    client, name = open_account(arena), arena.new_name()
    order = client.order(name)
    arena.prove(client, order)
    return client, name, order.json()


def _count(replies: Sequence[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)


def _problems(replies: Sequence[Reply]) -> set[str]:
    return {reply.problem for reply in replies if reply.status >= 400}


def one_account_for_one_key(arena: Arena) -> None:
    """Of many newAccount requests with one key one opens the account, and the others find it."""
    key = ClientKey.new()
    client = arena.client(key)
    url, payload = client.directory["newAccount"], {"termsOfServiceAgreed": True}
    replies = arena.race(*(sign(client, url, payload) for _ in range(MANY)))
    assert _count(replies) == {201: 1, 200: MANY - 1}
    assert len({reply.header("location") for reply in replies}) == 1


def one_use_of_one_nonce(arena: Arena) -> None:
    """Of many requests with one nonce one passes."""
    client = open_account(arena)
    payload = {"identifiers": [{"type": "dns", "value": arena.new_name()}]}
    nonce, url = client.nonce(), client.directory["newOrder"]
    replies = arena.race(*(sign(client, url, payload, nonce=nonce) for _ in range(MANY)))
    assert _count(replies) == {201: 1, 400: MANY - 1}
    assert _problems(replies) == {"badNonce"}


def one_look_for_many_answers(arena: Arena) -> None:
    """A client that says many times at once that a challenge is ready has it looked at once."""
    client = open_account(arena)
    order = client.order(arena.new_name())
    [url] = order.json()["authorizations"]
    [challenge] = [each for each in client.post(url).json()["challenges"] if each["type"] == "http-01"]
    replies = arena.race(*(sign(client, challenge["url"], {}) for _ in range(MANY)))
    assert _count(replies) == {200: MANY}
    assert arena.looks(challenge["token"]) == 1


def one_certificate_for_many_csrs(arena: Arena) -> None:
    """Of finalizations with different CSRs one has the certificate, and the others come too late."""
    client, name, order = ready_order(arena)
    csrs = [b64(make_csr(name)) for _ in range(MANY)]
    replies = arena.race(*(sign(client, order["finalize"], {"csr": csr}) for csr in csrs))
    assert _count(replies) == {200: 1, 403: MANY - 1}
    assert _problems(replies) == {"orderNotReady"}
    assert arena.issued(name) == 1


def one_certificate_for_one_csr(arena: Arena) -> None:
    """Finalizations with the same CSR all answer the one certificate."""
    client, name, order = ready_order(arena)
    csr = b64(make_csr(name))
    replies = arena.race(*(sign(client, order["finalize"], {"csr": csr}) for _ in range(MANY)))
    assert _count(replies) == {200: MANY}
    assert len({reply.json()["certificate"] for reply in replies}) == 1
    assert arena.issued(name) == 1


def a_finalization_or_the_end_of_its_authorization(arena: Arena) -> None:
    """An order whose authorization is given up while it is finalized has its certificate, or failed."""
    for _ in range(_ROUNDS):
        client, name, order = ready_order(arena)
        finalized, given_up = arena.race(
            sign(client, order["finalize"], {"csr": b64(make_csr(name))}),
            sign(client, order["authorizations"][0], {"status": "deactivated"}),
        )
        assert given_up.status == 200
        assert (finalized.status, arena.issued(name)) in {(200, 1), (403, 0)}


def a_finalization_or_the_end_of_its_account(arena: Arena) -> None:
    """An order whose account is deactivated while it is finalized has its certificate, or failed."""
    for _ in range(_ROUNDS):
        client, name, order = ready_order(arena)
        assert client.kid is not None
        finalized, ended = arena.race(
            sign(client, order["finalize"], {"csr": b64(make_csr(name))}),
            sign(client, client.kid, {"status": "deactivated"}),
        )
        assert ended.status == 200
        assert (finalized.status, arena.issued(name)) in {(200, 1), (403, 0)}


def one_of_many_new_keys(arena: Arena) -> None:
    """Of many key changes at once one is taken, and from then on its key alone is the account's."""
    client = open_account(arena)
    keys = [ClientKey.new() for _ in range(MANY)]
    replies = arena.race(*(_key_change(client, key) for key in keys))
    assert _count(replies)[200] == 1
    assert all(reply.problem for reply in replies if reply.status != 200)
    [winner] = [key for key, reply in zip(keys, replies, strict=True) if reply.status == 200]
    assert [_owns(arena, key, client.kid) for key in (client.key, *keys)] == [
        key is winner for key in (client.key, *keys)
    ]


def one_owner_of_a_new_key(arena: Arena) -> None:
    """Of many accounts that change to one key at once one has it, and the others keep theirs."""
    clients = [open_account(arena) for _ in range(MANY)]
    key = ClientKey.new()
    replies = arena.race(*(_key_change(client, key) for client in clients))
    assert _count(replies) == {200: 1, 409: MANY - 1}
    kept = [_owns(arena, client.key, client.kid) for client in clients]
    assert kept == [reply.status != 200 for reply in replies]


def a_new_account_or_a_key_change(arena: Arena) -> None:
    """A key that one request opens an account with and another changes to belongs to one account."""
    for _ in range(_ROUNDS):
        client, key = open_account(arena), ClientKey.new()
        newcomer = arena.client(key)
        opened, changed = arena.race(
            sign(newcomer, newcomer.directory["newAccount"], {"termsOfServiceAgreed": True}),
            _key_change(client, key),
        )
        assert (opened.status, changed.status) in {(201, 409), (200, 200)}
        assert _owns(arena, key, client.kid) == (changed.status == 200)


def one_account_for_a_single_use_key(arena: Arena) -> None:
    """Of many accounts that are opened with a single-use external key at once one is bound."""
    assert _bound_at_once(arena, uses=1) == {201: 1, 403: MANY - 1}


def no_more_accounts_than_uses(arena: Arena) -> None:
    """Of many accounts that are opened with an external key at once no more are bound than it has uses."""
    assert _bound_at_once(arena, uses=3)[201] <= 3


SCENARIOS: tuple[Scenario, ...] = (
    one_account_for_one_key,
    one_use_of_one_nonce,
    one_look_for_many_answers,
    one_certificate_for_many_csrs,
    one_certificate_for_one_csr,
    a_finalization_or_the_end_of_its_authorization,
    a_finalization_or_the_end_of_its_account,
    one_of_many_new_keys,
    one_owner_of_a_new_key,
    a_new_account_or_a_key_change,
    one_account_for_a_single_use_key,
    no_more_accounts_than_uses,
)


def _key_change(client: AcmeClient, new: ClientKey) -> Signed:
    assert client.kid is not None
    base, _, account = client.kid.rpartition("/account/")
    inner = json.loads(sign_inner(base, account, client.key, new))
    return sign(client, client.directory["keyChange"], inner)


def _owns(arena: Arena, key: ClientKey, account: str | None) -> bool:
    """Tell whether a key is that of an account."""
    client = arena.client(key)
    reply = client.register(onlyReturnExisting=True)
    return reply.status == 200 and client.kid == account


def _bound_at_once(arena: Arena, uses: int) -> Counter[int]:
    kid, hmac_key = arena.new_external_key(uses)
    requests = []
    for client in [arena.client() for _ in range(MANY)]:
        url = client.directory["newAccount"]
        binding = sign_binding(kid, hmac_key, client.key, url)
        requests.append(sign(client, url, {"termsOfServiceAgreed": True, "externalAccountBinding": binding}))
    return _count(arena.race(*requests))
