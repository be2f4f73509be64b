"""The door of ACME: finds the resource, establishes who signed, answers in RFC 8555's words.

What the RFC says of all answers is said here once: nonces, links, caching, CORS, problem documents.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from litestar import route
from litestar.enums import HttpMethod
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from acme.callers import AccountKeys, Expectation
from acme.directories import Directory
from acme.http import account_resources, order_resources
from acme.http.visit import Answer, Visit, link
from acme.http.wire_answer import WireAnswer
from acme.places import MOUNT, Place, Places, Resource
from acme.validation.looks import Looks
from acme.wire.jws import MAXIMUM_BODY
from acme.wire.messages import Urls, directory_document, encode
from acme.wire.problems import MEDIA_TYPE, render_problem
from ca_service.database.port import Database
from ca_service.kernel.errors import (
    KeywrightError,
    Kind,
    MalformedError,
    MethodNotAllowedError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnsupportedMediaTypeError,
)
from ca_service.web.door import OWN_WORDS, AnyRequest, client_address, public_url, request_id, throttle
from ca_service.web.exchange import exchange_of
from ca_service.web.problems import log_unexpected, translate
from ca_service.x509.chains import MOST_CHAINS

JOSE = "application/jose+json"
_CORS = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", "Link, Location, Replay-Nonce, Retry-After"),
)


class PostRoute(Struct, frozen=True):
    """A resource that is POSTed to: which signatures it takes, what answers, which bucket it draws from."""

    answer: Callable[[Visit], Awaitable[Answer]]
    takes_key: bool = False
    takes_account: bool = True
    limit: str | None = None
    needs_terms: bool = False


#: The chain that a certificate was issued with, and as many others as the certificate authority tells of.
_CHAINS = ("", *map(str, range(1, MOST_CHAINS)))
#: By kind, whether there is an id, and the verb.
_POST: Mapping[tuple[str, bool, str], PostRoute] = {
    ("new-account", False, ""): PostRoute(
        account_resources.new_account, takes_key=True, takes_account=False, limit="newAccount"
    ),
    ("account", True, ""): PostRoute(account_resources.account),
    ("account", True, "orders"): PostRoute(account_resources.orders),
    ("key-change", False, ""): PostRoute(account_resources.key_change),
    ("new-order", False, ""): PostRoute(order_resources.new_order, limit="newOrder", needs_terms=True),
    ("new-authz", False, ""): PostRoute(
        order_resources.new_authorization, limit="newOrder", needs_terms=True
    ),
    ("order", True, ""): PostRoute(order_resources.order),
    ("order", True, "finalize"): PostRoute(order_resources.finalize, needs_terms=True),
    ("authz", True, ""): PostRoute(order_resources.authorization),
    ("challenge", True, ""): PostRoute(order_resources.challenge),
    **{("certificate", True, verb): PostRoute(order_resources.certificate) for verb in _CHAINS},
    ("revoke-cert", False, ""): PostRoute(order_resources.revoke_certificate, takes_key=True),
}
#: Below these, addresses of other doors take whatever the door of ACME does not name.
_SHARED = frozenset({"v1", "pki", "ssh"})
_DIRECTORY = ("directory", False, "")
_NEW_NONCE = ("new-nonce", False, "")
_KINDS = frozenset(kind for kind, has_id, verb in (*_POST, _NEW_NONCE) if not has_id and not verb)


class AcmeDoor:
    """Answers every request below `/acme` and below the aliases.

    `help_url` is where those who asked too often may read why (section 6.6).
    """

    def __init__(
        self, database: Database, keys: AccountKeys, places: Places, looks: Looks, help_url: str
    ) -> None:
        self._database = database
        self._keys = keys
        self._places = places
        self._looks = looks
        self._help = link(help_url, "help")

    async def answer(self, request: AnyRequest) -> WireAnswer:
        """Return the answer to one request; whatever goes wrong becomes a problem document."""
        found = self._places.find(_path_of(request))
        urls = None if found is None else _urls(request, found[0])
        allow: tuple[tuple[str, str], ...] = ()
        try:
            exchange_of(request).verify()
            if found is None or urls is None:
                raise NotFoundError("address")
            methods = _methods(found[1])
            allow = (("allow", ", ".join(methods)),)
            answer = await self._answer(request, found[0], found[1], urls, methods)
        except Exception as error:  # noqa: BLE001 - the one place where ACME's errors become answers
            answer = self._problem(request, error, allow)
        return self._response(request, answer, None if found is None else found[1], urls)

    async def _answer(
        self, request: AnyRequest, place: Place, resource: Resource, urls: Urls, methods: tuple[str, ...]
    ) -> Answer:
        if request.method not in methods:
            raise MethodNotAllowedError(f"This address answers to {', '.join(methods)}.")
        if request.method == "OPTIONS":
            return _preflight(methods)
        key = _key(resource)
        limit = "newNonce" if key == _NEW_NONCE else _POST[key].limit if key in _POST else None
        if limit is not None:
            self._throttle(request, limit)
        directory = await self._keys.directory(place.slug)
        if key == _DIRECTORY:
            return self._directory(directory, urls)
        if key == _NEW_NONCE:
            return Answer(200 if request.method == "HEAD" else 204)
        return await self._post(request, place, resource, urls, directory)

    def _throttle(self, request: AnyRequest, limit: str) -> None:
        try:
            throttle(request, limit)
        except KeywrightError as error:
            _count_refusal(request, error)
            raise

    def _directory(self, directory: Directory, urls: Urls) -> Answer:
        # Section 7.1.1: a key nobody knows, another one each time, keeps clients from relying on the list.
        unknown = self._keys.mint_nonce()[8:19]
        document = encode(directory_document(directory, urls, _KINDS, unknown))
        return Answer(200, document, headers=(("cache-control", "no-cache"),))

    async def _post(
        self, request: AnyRequest, place: Place, resource: Resource, urls: Urls, directory: Directory
    ) -> Answer:
        route = _POST[_key(resource)]
        _verify_headers(request)
        body = await _read(request)
        expected = Expectation(
            url=public_url(request) + _path_of(request) + _query_of(request),
            account_prefixes=tuple(
                f"{public_url(request)}{prefix}/account/" for prefix in self._places.prefixes_of(place.slug)
            ),
            admit_key=lambda: throttle(request, "strangers"),
            takes_key=route.takes_key,
            takes_account=route.takes_account,
            needs_terms=route.needs_terms,
        )
        try:
            signer = await self._keys.authenticate(directory, body, expected)
        except KeywrightError as error:
            _count_refusal(request, error)
            raise
        visit = Visit(
            request, urls, resource, directory, self._keys, self._looks, signer, self._database.now()
        )
        try:
            return await route.answer(visit)
        finally:
            # Whatever the answer, unless an operation used it up: replayed, this request gets another.
            await signer.nonce.use_alone()

    def _problem(self, request: AnyRequest, error: Exception, allow: tuple[tuple[str, str], ...]) -> Answer:
        ours, _ = translate(error)
        if ours.kind is Kind.INTERNAL:
            log_unexpected(error)
        exchange_of(request).problem = ours.slug
        rendered = render_problem(ours, request_id(request))
        headers = rendered.headers
        if isinstance(ours, MethodNotAllowedError):
            headers += allow
        elif isinstance(ours, RateLimitedError):
            headers += (self._help,)
        return Answer(rendered.status, rendered.body, MEDIA_TYPE, headers)

    def _response(
        self, request: AnyRequest, answer: Answer, resource: Resource | None, urls: Urls | None
    ) -> WireAnswer:
        headers = [*answer.headers, *_CORS]
        if "cache-control" not in {name for name, _ in answer.headers}:
            headers.append(("cache-control", "no-store"))
        is_directory = resource is not None and _key(resource) == _DIRECTORY and answer.status == 200
        if urls is not None and not is_directory:
            headers.append(("link", f'<{urls.index}>;rel="index"'))
        is_new_nonce = resource is not None and _key(resource) == _NEW_NONCE
        if request.method == "POST" or (is_new_nonce and request.method != "OPTIONS"):
            headers.append(("replay-nonce", self._keys.mint_nonce()))
        if answer.body:
            headers.append(("content-type", answer.media_type))
        if answer.status != 204:
            headers.append(("content-length", str(len(answer.body))))
        return WireAnswer(answer.status, headers, answer.body, shows_body=request.method != "HEAD")


def _count_refusal(request: AnyRequest, error: KeywrightError) -> None:
    """Count a caller that could not be named, so that a flood is in the trail and writes nothing (S8)."""
    refusals = exchange_of(request).doors.refusals
    refusals.count(reason=error.slug, method="acme-jws", address=client_address(request))


def _key(resource: Resource) -> tuple[str, bool, str]:
    return resource.kind, bool(resource.id), resource.verb


def _methods(resource: Resource) -> tuple[str, ...]:
    """Return the methods of a resource. Raises NotFoundError if there is no such resource."""
    key = _key(resource)
    if key in {_DIRECTORY, _NEW_NONCE}:
        return ("GET", "HEAD", "OPTIONS")
    if key in _POST:
        return ("POST", "OPTIONS")
    raise NotFoundError("address")


def _preflight(methods: tuple[str, ...]) -> Answer:
    headers = (
        ("access-control-allow-methods", ", ".join(methods)),
        ("access-control-allow-headers", "Content-Type"),
        ("access-control-max-age", "86400"),
    )
    return Answer(204, headers=headers)


def _path_of(request: AnyRequest) -> str:
    """Return the path as it was sent, so that no two spellings of a URL are the same."""
    raw: bytes = request.scope["raw_path"]
    return raw.partition(b"?")[0].decode("ascii", "replace")


def _query_of(request: AnyRequest) -> str:
    query: bytes = request.scope["query_string"]
    return "?" + query.decode("ascii", "replace") if query else ""


def _urls(request: AnyRequest, place: Place) -> Urls:
    base = public_url(request)
    return Urls(base + place.prefix, base + place.index)


def _verify_headers(request: AnyRequest) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JOSE:
        raise UnsupportedMediaTypeError(f"Send the request as `Content-Type: {JOSE}`.")
    if "replay-nonce" in request.headers:
        raise MalformedError("A nonce stands in the protected header of the JWS, not among the HTTP headers.")


async def _read(request: AnyRequest) -> bytes:
    """Return the body, and read none that is announced or found to be too long. Raises TooLargeError."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > MAXIMUM_BODY:
        raise TooLargeError(f"The request is larger than {MAXIMUM_BODY} bytes.")
    body: bytes = b""
    while True:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise MalformedError("The connection ended before the request did.")
        body += message.get("body", b"")
        if len(body) > MAXIMUM_BODY:
            raise TooLargeError(f"The request is larger than {MAXIMUM_BODY} bytes.")
        if not message.get("more_body", False):
            return body


def acme_routes(door: AcmeDoor, aliases: Iterable[Place]) -> ControllerRouterHandler:
    """Return the one route of the router that leads to the door, under every address it answers at."""
    paths = [MOUNT, f"{MOUNT}/{{rest:path}}"]
    for place in aliases:
        if place.prefix.startswith(f"{MOUNT}/") or place.index == MOUNT:
            continue
        paths += [place.index, *_paths_below(place.prefix)]

    async def answer_acme(request: AnyRequest) -> WireAnswer:
        """Answer one ACME request."""
        return await door.answer(request)

    # Every method, so that a wrong one is told in ACME's words.
    decorate = route(
        list(dict.fromkeys(paths)), http_method=list(HttpMethod), opt=OWN_WORDS, include_in_schema=False
    )
    return decorate(answer_acme)


def _paths_below(prefix: str) -> list[str]:
    """Return what the door answers below an alias: everything, unless other doors answer there too."""
    if prefix and prefix.split("/")[1] not in _SHARED:
        return [f"{prefix}/{{rest:path}}"]
    return [
        f"{prefix}/{kind}" + ("/{id:str}" if has_id else "") + (f"/{verb}" if verb else "")
        for kind, has_id, verb in (*_POST, _NEW_NONCE)
    ]
