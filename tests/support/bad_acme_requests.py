"""ACME requests that must be refused, each with the right problem: the table, and what it is made with."""

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from tests.support.acme_client import AcmeClient, ClientKey, sign_jws

JOSE: Mapping[str, str] = MappingProxyType({"Content-Type": "application/jose+json"})
MALFORMED = (400, "malformed")
#: A member of a protected header that is `null` in JSON; None leaves it out.
NULL = object()


class Bench(Struct, frozen=True):
    """What the requests are about: accounts with their keys, and the addresses of one thing of each kind.

    `urls` has those of the directory (`newOrder`) and `account`, `orders`, `order` (pending), `finalize`
    (its), `authz`, `challenge`, `ready` (finalize of an order that is ready for `ready_name`), `certificate`;
    and `other_…` of another account. `leaf` is the certificate in DER.
    """

    client: AcmeClient
    other: AcmeClient
    deactivated: AcmeClient
    newcomer: AcmeClient
    urls: Mapping[str, str]
    ready_name: str
    leaf: bytes
    foreign_leaf: bytes


class Sent(Struct, frozen=True):
    """One request as it goes out."""

    url: str
    body: bytes = b""
    headers: Mapping[str, str] = JOSE
    method: str = "POST"


class BadRequest(Struct, frozen=True):
    """One request: what is wrong with it, how it is made, and how it must be refused."""

    name: str
    make: Callable[[Bench], Sent]
    status: int
    problem: str


Changes = Mapping[str, Any] | Callable[[Bench], Mapping[str, Any]]
Payload = Any | Callable[[Bench], Any]


def request(name: str, refusal: tuple[int, str], make: Callable[[Bench], Sent]) -> BadRequest:
    """Return a case that is made in its own way."""
    return BadRequest(name, make, *refusal)


def signed(
    name: str,
    refusal: tuple[int, str],
    place: str,
    payload: Payload = None,
    *,
    by: str = "client",
    header: Changes = {},  # noqa: B006 - never changed
    outer: Callable[[dict[str, Any]], Mapping[str, Any]] | None = None,
    key: ClientKey | None = None,
) -> BadRequest:
    """Return a case that is a good signed request but for what is said.

    `payload` is encoded as JSON unless it is bytes, None is the empty string; `header` changes the protected
    header before it is signed, `outer` the members of the JWS after that.
    """

    def make(bench: Bench) -> Sent:
        client: AcmeClient = getattr(bench, by)
        url = bench.urls[place]
        asked = payload(bench) if callable(payload) else payload
        body = asked if isinstance(asked, bytes) or asked is None else json.dumps(asked).encode()
        changes = header(bench) if callable(header) else header
        protected = client.header(url, **changes)
        protected = {member: None if value is NULL else value for member, value in protected.items()}
        jws = sign_jws(key or client.key, body, protected)
        if outer is not None:
            jws = json.dumps(outer(json.loads(jws))).encode()
        return Sent(url, jws)

    return BadRequest(name, make, *refusal)


def raw(name: str, refusal: tuple[int, str], body: bytes, place: str = "newOrder") -> BadRequest:
    """Return a case whose body is these bytes."""
    return BadRequest(name, lambda bench: Sent(bench.urls[place], body), *refusal)


def bad_acme_requests() -> tuple[BadRequest, ...]:
    """Return the whole table. Raises ValueError if two cases have one name."""
    from tests.support import (
        bad_acme_csrs,
        bad_acme_headers,
        bad_acme_jws,
        bad_acme_keys,
        bad_acme_orders,
        bad_acme_payloads,
    )

    parts: Iterable[Iterable[BadRequest]] = (
        bad_acme_jws.cases(),
        bad_acme_headers.cases(),
        bad_acme_keys.cases(),
        bad_acme_payloads.cases(),
        bad_acme_orders.cases(),
        bad_acme_csrs.cases(),
    )
    table = tuple(case for part in parts for case in part)
    names = [case.name for case in table]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"several cases are named {', '.join(twice)}")
    return table
