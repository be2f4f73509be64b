"""Pages and their cursors."""

from typing import Any

import pytest
from litestar import Response, get

from ca_service.kernel.errors import MalformedError
from ca_service.web.door import AnyRequest, Page, answer, page, parse_page
from ca_service.web.paging import encode_cursor, parse_cursor, parse_limit
from tests.support.web import InProcess


@get("/v1/numbers")
async def numbers(request: AnyRequest) -> Response[Page[int]]:
    limit, after = parse_page(request)
    first = int(after) + 1 if after else 0
    items = list(range(first, min(first + limit, 250)))
    return answer(None, page(items, str(items[-1]) if items[-1] < 249 else None))


ROUTES: list[Any] = [numbers]


def test_a_cursor_comes_back_as_the_key_it_was_made_from() -> None:
    assert parse_cursor(encode_cursor("crt_1|2026")) == "crt_1|2026"


def test_a_cursor_is_opaque() -> None:
    assert "crt_" not in encode_cursor("crt_1|2026")


@pytest.mark.parametrize("text", ["", "?", "a", "YQ==", "YR", "/w", "_w", "x" * 3000, "\u00e9"])
def test_given_a_cursor_that_is_not_ours_then_400_names_it(text: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_cursor(text)

    assert refused.value.field == "cursor"


@pytest.mark.parametrize("text", ["0", "1001", "-1", "ten", "1.0", "", "٣", "99999"])
def test_given_a_bad_limit_then_400_names_it(text: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_limit(text)

    assert refused.value.field == "limit"


def test_given_no_limit_then_a_hundred() -> None:
    assert parse_limit(None) == 100


def test_given_all_pages_read_then_every_item_came_once() -> None:
    served, seen, path = InProcess(ROUTES), [], "/v1/numbers"
    while True:
        answered = served.call("GET", path).json()
        seen += answered["items"]
        if answered["next_cursor"] is None:
            break
        path = f"/v1/numbers?cursor={answered['next_cursor']}"

    assert seen == list(range(250))
