"""Reading a body: bounds first, then depth, then strict decoding into the type that the door names."""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from litestar import Request

from ca_service.kernel.errors import MalformedError, TooLargeError, UnsupportedMediaTypeError

T = TypeVar("T")

#: Bounds of the body in bytes, by the path's beginning (S8); the first that fits counts.
_BOUNDS = (("/acme/", 64 * 1024), ("/pki/", 10 * 1024))
_DEFAULT_BOUND = 1024 * 1024
#: Where secrets are written: a value of 1 MiB is up to twice as long in JSON.
_SECRETS = re.compile(r"/v1/projects/[^/]+/(?:environments/[^/]+/(?:secrets/|secret-files)|commits)")
_SECRETS_BOUND = 2 * 1024 * 1024 + 64 * 1024
MOST_DEPTH = 16

# Never fails once it began, so that an unterminated string costs one pass and not one for each quote.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_PLACE = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?(?P<path>[^`]*)`)?", re.DOTALL)
_FIELD_NAMED = re.compile(r"field `(?P<name>[^`]*)`")


def body_bound(path: str) -> int:
    """Return how many bytes a body at this path may have."""
    for beginning, bound in _BOUNDS:
        if path.startswith(beginning):
            return bound
    return _SECRETS_BOUND if _SECRETS.match(path) else _DEFAULT_BOUND


def verify_depth(body: bytes, *, most: int = MOST_DEPTH) -> None:
    """Refuse JSON nested deeper than `most`, before anything decodes it. Raises MalformedError.

    Takes linear time whatever the bytes are. What is not JSON passes or is refused; the decoder judges it.
    """
    if body.count(b"[") + body.count(b"{") <= most:
        return
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKETS)
    # Each pass takes away every innermost pair, so what is left after `most` passes is deeper or unbalanced.
    for _ in range(most):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise MalformedError(f"JSON may be nested {most} deep and its brackets must match.", rule="depth")


async def read_body(request: Request[Any, Any, Any]) -> bytes:
    """Return the body, which can be read once. Raises TooLargeError beyond the bound of its path."""
    pieces = []
    while True:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise MalformedError("The connection ended before the body did.", rule="incomplete")
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    if len(body) > body_bound(request.scope["path"]):
        raise body_too_large(request.scope["path"])
    return body


def body_too_large(path: str) -> TooLargeError:
    """Return the error for a body beyond the bound of its path."""
    return TooLargeError(f"A body here has at most {body_bound(path) // 1024} KiB.", rule="body_size")


async def decode(request: Request[Any, Any, Any], type_: type[T]) -> T:
    """Return the JSON body as `type_`; a missing body stands for `{}`.

    Raises UnsupportedMediaTypeError, TooLargeError, and MalformedError that names the field and the rule.
    """
    body = await read_body(request)
    if not body:
        return _decode(b"{}", type_)
    verify_json_media_type(_content_type(request.scope["headers"]))
    verify_depth(body)
    return _decode(body, type_)


def _content_type(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    for name, value in headers:
        if name == b"content-type":
            return value.decode("latin-1")
    return None


def verify_json_media_type(content_type: str | None) -> None:
    """Refuse everything but JSON in UTF-8. Raises UnsupportedMediaTypeError."""
    if content_type == "application/json":
        return
    essence, _, parameters = (content_type or "").partition(";")
    is_json = essence.strip().lower() == "application/json"
    if not is_json or parameters.strip().lower() not in {"", "charset=utf-8", 'charset="utf-8"'}:
        raise UnsupportedMediaTypeError("Send the body as JSON, with `Content-Type: application/json`.")


def _decode(body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_, strict=True)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("The body is not JSON in UTF-8.", rule="json") from error


def _refusal(message: str) -> MalformedError:
    """Return msgspec's message as our error: the place becomes the field, the complaint the rule."""
    match = _PLACE.fullmatch(message)
    assert match is not None, "the pattern matches every text"
    what, path = match["what"], (match["path"] or "").removeprefix("$").removeprefix(".")
    rule = "type"
    named = _FIELD_NAMED.search(what)
    if named is not None:
        rule = "unknown_field" if "unknown field" in what else "required"
        path = f"{path}.{named['name']}" if path else named["name"]
    elif "length" in what or ">=" in what or "<=" in what:
        rule = "bounds"
    elif "matching regex" in what:
        rule = "pattern"
    elif "enum" in what:
        rule = "choice"
    return MalformedError(f"{what}.", field=path or None, rule=rule)
