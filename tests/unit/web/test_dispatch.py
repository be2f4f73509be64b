"""Routes that need no more than their path, and those that do: what a client sees is the same."""

from typing import Any

import pytest
from litestar import Response, get, post, route
from litestar.params import FromPath, FromQuery
from litestar.response.base import ASGIResponse

from ca_service.kernel.errors import ConflictError
from ca_service.web.door import PUBLIC, AnyRequest, answer, no_content, octets, text
from tests.support.web import InProcess


@get("/direct/{name:str}")
async def direct(request: AnyRequest, name: FromPath[str]) -> Response[dict[str, str]]:
    return answer(None, {"name": name, "path": request.scope["path"]}, headers={"etag": '"1"'})


@get("/direct/fixed")
async def fixed() -> Response[dict[str, str]]:
    return answer(None, {"name": "fixed route"})


@get("/through/{name:str}")
async def through(name: FromPath[str], more: FromQuery[str]) -> Response[dict[str, str]]:
    return answer(None, {"name": name, "more": more}, headers={"etag": '"1"'})


@get("/asked/{name:str}")
async def asked(
    name: FromPath[str],
    must: FromQuery[str],
    text: FromQuery[str] = "/",
    perhaps: FromQuery[str | None] = None,
    number: FromQuery[int] = 7,
    no_number: FromQuery[int | None] = None,
    is_so: FromQuery[bool] = True,
) -> Response[list[Any]]:
    return answer(None, [name, must, text, perhaps, number, no_number, is_so])


@get("/asked-behind/{name:str}")
async def asked_behind(
    name: FromPath[str],
    must: FromQuery[str],
    unusual: FromQuery[list[str] | None] = None,
    text: FromQuery[str] = "/",
    perhaps: FromQuery[str | None] = None,
    number: FromQuery[int] = 7,
    no_number: FromQuery[int | None] = None,
    is_so: FromQuery[bool] = True,
) -> Response[list[Any]]:
    return answer(None, [name, must, text, perhaps, number, no_number, is_so])


@get("/text", opt=PUBLIC)
async def some_text() -> Response[bytes]:
    return text("hello")


@route("/both", http_method=["GET", "HEAD"], opt=PUBLIC)
async def both() -> Response[bytes]:
    return octets(b"body", media_type="application/octet-stream")


@get("/unchanged", opt=PUBLIC)
async def unchanged() -> Response[bytes]:
    return octets(b"", media_type="text/plain", status=304)


@post("/refused")
async def refused() -> Response[None]:
    raise ConflictError("It is there already.")


@post("/broken")
async def broken() -> Response[None]:
    raise LookupError("s3cret")


@post("/done")
async def done() -> Response[None]:
    return no_content()


class TwoLinks(ASGIResponse):
    """An answer with one header twice."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        links = [(b"link", b"<a>"), (b"link", b"<b>"), (b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": links})
        await send({"type": "http.response.body", "body": b"whole", "more_body": False})


@get("/low/{name:str}", opt=PUBLIC)
async def low(request: AnyRequest) -> TwoLinks:
    return TwoLinks()


ROUTES: list[Any] = [
    asked,
    asked_behind,
    low,
    direct,
    fixed,
    through,
    some_text,
    both,
    unchanged,
    refused,
    broken,
    done,
]


@pytest.fixture(scope="module")
def front() -> InProcess:
    return InProcess(ROUTES)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/direct/bob", {"name": "bob", "path": "/direct/bob"}),
        ("/through/bob?more=x", {"name": "bob", "more": "x"}),
    ],
)
def test_both_ways_answer_alike(front: InProcess, path: str, body: dict[str, str]) -> None:
    answered = front.call("GET", path)

    assert (answered.status, answered.json()) == (200, body)
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["content-length"] == str(len(answered.body))
    assert answered.headers["etag"] == '"1"'
    assert answered.headers["vary"] == "Authorization"


@pytest.mark.parametrize("path", ["/direct/bob", "/through/bob?more=x"])
def test_neither_way_answers_without_a_token(front: InProcess, path: str) -> None:
    answered = front.call("GET", path, token=None)

    assert (answered.status, answered.headers["content-type"]) == (401, "application/problem+json")


def test_a_fixed_path_goes_before_a_parameter(front: InProcess) -> None:
    assert front.call("GET", "/direct/fixed").json() == {"name": "fixed route"}


def test_slashes_too_many_change_nothing(front: InProcess) -> None:
    assert front.call("GET", "//direct//bob/").json()["name"] == "bob"


def test_text_has_its_charset_once(front: InProcess) -> None:
    assert front.call("GET", "/text").headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("path", "method", "status"), [("/done", "POST", 204), ("/unchanged", "GET", 304)])
def test_answers_without_a_body_say_nothing_of_one(
    front: InProcess, path: str, method: str, status: int
) -> None:
    answered = front.call(method, path)

    assert (answered.status, answered.body) == (status, b"")
    assert "content-type" not in answered.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_route_of_two_methods_answers_both(front: InProcess, method: str) -> None:
    answered = front.call(method, "/both")

    assert (answered.status, answered.headers["content-type"]) == (200, "application/octet-stream")
    # The server leaves the body of a HEAD out.
    assert answered.headers["content-length"] == "4"


def test_an_error_of_a_handler_is_a_problem_of_its_kind(front: InProcess) -> None:
    answered = front.call("POST", "/refused")

    assert (answered.status, answered.json()["type"]) == (409, "urn:keywright:problem:conflict")


def test_a_mistake_of_ours_shows_nothing(front: InProcess) -> None:
    answered = front.call("POST", "/broken")

    assert answered.status == 500
    assert b"s3cret" not in answered.body


def test_another_method_is_told_which_there_are(front: InProcess) -> None:
    answered = front.call("DELETE", "/direct/bob")

    assert (answered.status, answered.headers["allow"]) == (405, "GET, OPTIONS")


def test_what_is_nowhere_is_not_found(front: InProcess) -> None:
    assert front.call("GET", "/direct").status == 404


@pytest.mark.parametrize(
    "query",
    [
        "must=a",
        "must=a&text=%2Fapp%2Fdb&perhaps=x+y&number=12&no_number=-3&is_so=false",
        "must=a&is_so=0",
        "must=a&is_so=TRUE",
        "must=a&is_so=no",
        "must=a&number=1.5",
        "must=a&number=x",
        "must=a&number=",
        "must=a&text=",
        "must=a&perhaps=",
        "must=",
        "must=a&must=b",
        "must=a&number=1&number=2",
        "",
        "text=b",
        "must=%e4%f6",
        "must=%C3%A4",
        "must=a&unknown=1",
        "must=a&&text=b",
        "must=a;text=b",
        "must",
        "must=a&number=99999999999999999999999",
        "must=a=b&text=%26%3D",
    ],
)
def test_a_query_means_the_same_to_both_ways(front: InProcess, query: str) -> None:
    here, behind = (front.call("GET", f"/{way}/bob?{query}") for way in ("asked", "asked-behind"))

    assert here.status == behind.status
    if here.status == 200:
        assert here.json() == behind.json()
    else:
        told = ("type", "status", "detail", "field", "rule")
        assert {k: here.json().get(k) for k in told} == {k: behind.json().get(k) for k in told}


def test_an_answer_may_send_itself_and_its_handler_leave_parts_of_the_path() -> None:
    answered = InProcess(ROUTES).call("GET", "/low/anything")
    assert (answered.status, answered.body, answered.headers["link"]) == (200, b"whole", "<b>")
