"""The front: ids, hosts, callers, headers, measurements."""

import io
from typing import Any, ClassVar

import pytest
from litestar import Response, get, post
from litestar.params import FromPath

from ca_service.gate.operation import Operation
from ca_service.web.door import (
    PUBLIC,
    AnyRequest,
    answer,
    client_address,
    created,
    no_content,
    perform,
    public_url,
    text,
    throttle,
)
from ca_service.web.rate_limits import Rate
from tests.support.web import ALICE, InProcess


class Greet(Operation[str], frozen=True, kw_only=True):
    """Say hello."""

    action: ClassVar[str] = "test:greet"
    name: str


@get("/v1/greetings/{name:str}")
async def greet(request: AnyRequest, name: FromPath[str]) -> Response[dict[str, str]]:
    outcome = await perform(request, Greet(name=name))
    return answer(outcome, {"greeting": outcome.answer})


@post("/v1/greetings")
async def make_greeting(request: AnyRequest) -> Response[dict[str, str]]:
    outcome = await perform(request, Greet(name="new"))
    return created(outcome, "/v1/greetings/new", {"greeting": outcome.answer})


@get("/public", opt=PUBLIC)
async def open_door(request: AnyRequest) -> Response[bytes]:
    throttle(request, "newNonce")
    return text(f"{client_address(request)} {public_url(request)}", headers={"cache-control": "max-age=60"})


@post("/v1/forget")
async def forget() -> Response[None]:
    return no_content()


ROUTES: list[Any] = [greet, make_greeting, open_door, forget]


def served(**further: Any) -> InProcess:
    front = InProcess(ROUTES, **further)
    front.gate._answers = lambda operation: f"hello {operation.name}"  # type: ignore[attr-defined]
    return front


def test_given_a_token_then_the_operation_is_performed_as_its_caller() -> None:
    front = served()

    answered = front.call("GET", "/v1/greetings/bob")

    assert answered.json() == {"greeting": "hello bob"}
    caller, operation, context = front.gate.asked[0]
    assert (caller.id, caller.address) == (ALICE.id, "192.0.2.7")
    assert operation == Greet(name="bob")
    assert context.request_id == answered.headers["x-request-id"]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Bearer wrong")],
        [("Authorization", "Bearer ")],
        [("Authorization", "Basic YTpi")],
        [("Authorization", "Bearer kw_alice"), ("Authorization", "Bearer kw_alice")],
        [("Authorization", "Bearer kw_älice")],
        [("Authorization", "Bearer " + "x" * 5000)],
    ],
)
def test_given_no_valid_token_then_401_and_nothing_is_performed(headers: list[tuple[str, str]]) -> None:
    front = served()

    answered = front.call("GET", "/v1/greetings/bob", headers=headers, token=None)

    assert answered.status == 401
    assert answered.headers["www-authenticate"] == "Bearer"
    assert front.gate.asked == []


def test_given_a_public_route_then_a_token_is_ignored() -> None:
    answered = served().call("GET", "/public", token="wrong")

    assert answered.status == 200
    assert answered.body == b"192.0.2.7 https://ca.example"


def test_given_an_authenticated_answer_then_no_cache_keeps_it() -> None:
    headers = served().call("GET", "/v1/greetings/bob").headers

    assert headers["cache-control"] == "no-store"
    assert headers["vary"] == "Authorization"
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_given_a_public_answer_with_its_own_lifetime_then_it_is_kept() -> None:
    headers = served().call("GET", "/public").headers

    assert headers["cache-control"] == "max-age=60"
    assert "vary" not in headers


def test_given_a_request_id_of_the_right_shape_then_it_is_used() -> None:
    answered = served().call("GET", "/v1/greetings/bob", headers=[("X-Request-Id", "build-7.a_b")])

    assert answered.headers["x-request-id"] == "build-7.a_b"


@pytest.mark.parametrize("mine", ["has space", "x" * 65, "new\tline", "é"])
def test_given_another_request_id_then_one_is_made(mine: str) -> None:
    answered = served().call("GET", "/v1/greetings/bob", headers=[("X-Request-Id", mine)])

    assert answered.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    "host", ["ca.example", "CA.Example:8443", "ca.example.", "localhost:1", "127.0.0.1", "[::1]:8443"]
)
def test_given_a_host_of_ours_then_it_is_answered(host: str) -> None:
    assert served().call("GET", "/v1/greetings/bob", host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "ca.example.evil", "192.0.2.9", "", "[::2]"])
def test_given_a_foreign_host_then_421_before_anything_else(host: str) -> None:
    front = served()

    answered = front.call("GET", "/v1/greetings/bob", host=host)

    assert answered.status == 421
    assert front.gate.asked == []


def test_given_a_foreign_host_and_an_application_that_does_not_look_then_421() -> None:
    async def careless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"yours"})

    answered = InProcess(app=careless).call("GET", "/", host="evil.example")

    assert (answered.status, b"yours" in answered.body) == (421, False)


def test_given_no_host_then_400() -> None:
    assert served().call("GET", "/v1/greetings/bob", host=None).status == 400


def test_given_two_hosts_then_400() -> None:
    assert served().call("GET", "/public", headers=[("Host", "ca.example")]).status == 400


def test_given_a_trusted_proxy_then_the_client_behind_it_is_seen() -> None:
    front = served(trusted_proxies=["192.0.2.7/32"])

    answered = front.call("GET", "/public", headers=[("X-Forwarded-For", "203.0.113.5")])

    assert answered.body.startswith(b"203.0.113.5 ")


def test_given_an_empty_bucket_then_429_says_when_to_come_back() -> None:
    front = served(rates={"newNonce": Rate(burst=1, per_second=0.1)})
    front.call("GET", "/public")

    answered = front.call("GET", "/public")

    assert answered.status == 429
    assert answered.headers["retry-after"] == "10"


def test_given_an_idempotency_key_then_the_gate_is_told() -> None:
    front = served()

    front.call("POST", "/v1/greetings", headers=[("Idempotency-Key", "abc-1")])

    assert front.gate.asked[0][2].idempotency_key == "abc-1"


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "ключ".encode().decode("latin-1")])
def test_given_a_key_of_another_shape_then_400(key: str) -> None:
    answered = served().call("POST", "/v1/greetings", headers=[("Idempotency-Key", key)])

    assert (answered.status, answered.json()["field"]) == (400, "Idempotency-Key")


def test_given_a_replayed_outcome_then_the_answer_says_so() -> None:
    front = served()
    front.gate.is_replaying = True

    answered = front.call("POST", "/v1/greetings")

    assert answered.headers["idempotent-replay"] == "true"
    assert (answered.status, answered.headers["location"]) == (201, "/v1/greetings/new")


def test_given_nothing_to_say_then_204_without_a_body() -> None:
    answered = served().call("POST", "/v1/forget")

    assert (answered.status, answered.body) == (204, b"")


def test_requests_are_counted_by_route_and_not_by_path() -> None:
    front = served()
    front.call("GET", "/v1/greetings/bob")
    front.call("GET", "/v1/greetings/eve")
    front.call("GET", "/not/there")

    rendered = front.metrics.render().decode()

    assert 'method="GET",route="/v1/greetings/{name}",status="200"} 2.0' in rendered
    assert 'route="(none)",status="404"} 1.0' in rendered
    assert "bob" not in rendered


def test_a_number_that_others_count_is_shown_as_it_stands() -> None:
    front = served()
    front.metrics.add_total("keywright_things", "Things", lambda: 7)

    assert "keywright_things_total 7.0" in front.metrics.render().decode()


def test_durations_are_counted_in_growing_buckets() -> None:
    front = served()
    for seconds in (0.0004, 0.003, 60.0):
        front.metrics.count("GET", "/a", 200, seconds)

    rendered = front.metrics.render().decode()

    assert 'keywright_request_seconds_bucket{le="0.0005",method="GET",route="/a"} 1.0' in rendered
    assert 'keywright_request_seconds_bucket{le="0.005",method="GET",route="/a"} 2.0' in rendered
    assert 'keywright_request_seconds_bucket{le="+Inf",method="GET",route="/a"} 3.0' in rendered
    assert 'keywright_request_seconds_sum{method="GET",route="/a"} 60.0034' in rendered


def test_each_answer_is_one_log_line_without_its_query() -> None:
    log = io.StringIO()
    served(log=log).call("GET", "/v1/greetings/bob?token=very-secret")

    (line,) = log.getvalue().splitlines()
    assert "GET /v1/greetings/bob 200" in line
    assert "Identity::idn_alice" in line
    assert "very-secret" not in line
    assert "kw_alice" not in line


def test_a_refusal_is_logged_with_its_reason() -> None:
    log = io.StringIO()
    served(log=log).call("GET", "/v1/greetings/bob", token=None)

    assert "GET /v1/greetings/bob 401" in log.getvalue()
    assert log.getvalue().endswith(" - unauthenticated\n")
