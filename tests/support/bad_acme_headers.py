"""Requests whose protected header is wrong (RFC 8555 sections 6.2 to 6.5; S16)."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from tests.support.acme_client import b64
from tests.support.bad_acme_requests import MALFORMED, NULL, BadRequest, Bench, signed

ORDER = {"identifiers": [{"type": "dns", "value": "bad.example.com"}]}
BAD_NONCE = (400, "badNonce")
BAD_ALGORITHM = (400, "badSignatureAlgorithm")
UNAUTHORIZED = (403, "unauthorized")
NO_ACCOUNT = (400, "accountDoesNotExist")
Named = tuple[tuple[str, Callable[[str], str]], ...]


def cases() -> Iterator[BadRequest]:
    """Yield the cases."""
    yield from _algorithms()
    yield from _nonces()
    yield from _urls()
    yield from _signers()
    yield from _further_members()


def _header(name: str, refusal: tuple[int, str], **changes: Any) -> BadRequest:
    return signed(f"header: {name}", refusal, "newOrder", ORDER, header=changes)


def _algorithms() -> Iterator[BadRequest]:
    for name in ("none", "None", "HS256", "HS512", "RS256", "PS256", "ES384", "ES512", "Ed25519", "EdDSA"):
        yield _header(f"alg {name}", BAD_ALGORITHM, alg=name)
    for name in ("", "es256", "RS512", "PS384", "ES256K", "A128KW", "x" * 5000, "ES256 "):
        yield _header(f"alg {name[:10]!r}", BAD_ALGORITHM, alg=name)
    yield _header("no alg", MALFORMED, alg=None)
    for value in (NULL, 7, ["ES256"], {"ES256": 1}, True):
        shown = "null" if value is NULL else value
        yield _header(f"alg {shown}", MALFORMED, alg=value)


def _nonces() -> Iterator[BadRequest]:
    yield _header("no nonce", BAD_NONCE, nonce=None)
    for value in (
        "",
        "!!!!",
        "abc",
        "AAAA",
        "x" * 5000,
        "\u00e4",
        b64(bytes(48)),
        b64(bytes(16)),
        b64(bytes(49)),
    ):
        yield _header(f"the nonce {value[:6]!r} of {len(value)}", BAD_NONCE, nonce=value)
    for number, other in enumerate((NULL, 7, [], {})):
        yield _header(f"a nonce that is no text ({number})", MALFORMED, nonce=other)

    def changed(change: Callable[[str], str]) -> Callable[[Bench], Mapping[str, Any]]:
        return lambda bench: {"nonce": change(bench.client.nonce())}

    changes: Named = (
        ("with padding", lambda nonce: nonce + "=="),
        ("backwards", lambda nonce: nonce[::-1]),
        ("cut", lambda nonce: nonce[:-4]),
        ("lengthened", lambda nonce: nonce + "AAAA"),
        ("with its first character changed", lambda nonce: ("B" if nonce[0] == "A" else "A") + nonce[1:]),
        (
            "with its middle changed",
            lambda nonce: nonce[:20] + ("B" if nonce[20] == "A" else "A") + nonce[21:],
        ),
    )
    for name, change in changes:
        yield signed(f"header: a nonce {name}", BAD_NONCE, "newOrder", ORDER, header=changed(change))

    def used(bench: Bench) -> Mapping[str, Any]:
        nonce = bench.client.nonce()
        bench.client.post(bench.urls["order"], nonce=nonce)
        return {"nonce": nonce}

    yield signed("header: a nonce that was used", BAD_NONCE, "newOrder", ORDER, header=used)


def _urls() -> Iterator[BadRequest]:
    yield _header("no url", MALFORMED, url=None)
    for number, value in enumerate((NULL, 7, [], {})):
        yield _header(f"a url that is no text ({number})", MALFORMED, url=value)
    changes: Named = (
        ("empty", lambda url: ""),
        ("over http", lambda url: url.replace("https:", "http:")),
        ("of another host", lambda url: url.replace("127.0.0.1", "evil.example")),
        ("in capitals", lambda url: url.upper()),
        ("with a slash more", lambda url: url + "/"),
        ("with a query", lambda url: url + "?a=b"),
        ("with a fragment", lambda url: url + "#a"),
        ("with a user", lambda url: url.replace("https://", "https://a@")),
        ("that is a path", lambda url: url[url.index("/acme") :]),
        ("of another resource", lambda url: url.replace("new-order", "new-account")),
        ("of another directory", lambda url: url.replace("/default/", "/other/")),
        ("in another spelling", lambda url: url.replace("new-order", "new%2dorder")),
    )
    for name, change in changes:
        yield signed(
            f"header: a url {name}",
            UNAUTHORIZED,
            "newOrder",
            ORDER,
            header=partial(_with_url, change),
        )


def _signers() -> Iterator[BadRequest]:
    yield _header("neither jwk nor kid", MALFORMED, kid=None)
    yield signed(
        "header: both jwk and kid", MALFORMED, "newOrder", ORDER, header=lambda b: {"jwk": b.client.key.jwk}
    )
    yield signed(
        "header: jwk where an account is needed",
        MALFORMED,
        "newOrder",
        ORDER,
        header=lambda b: {"kid": None, "jwk": b.client.key.jwk},
    )
    yield signed("header: kid where a key is needed", MALFORMED, "newAccount", {})
    for number, value in enumerate((NULL, 7, [], {}, "", "acc_1", "/acme/default/account/acc_1", "x" * 5000)):
        yield _header(f"a kid that is none ({number})", MALFORMED, kid=value)
    changes: tuple[tuple[str, tuple[int, str], Callable[[str], str]], ...] = (
        ("of another server", MALFORMED, lambda kid: kid.replace("127.0.0.1", "evil.example")),
        ("over http", MALFORMED, lambda kid: kid.replace("https:", "http:")),
        ("of another directory", MALFORMED, lambda kid: kid.replace("/default/", "/other/")),
        ("that is an order", MALFORMED, lambda kid: kid.replace("/account/", "/order/")),
        ("in capitals", MALFORMED, lambda kid: kid.upper()),
        ("of nobody", NO_ACCOUNT, lambda kid: kid[:-4] + "0000"),
        ("with a slash more", NO_ACCOUNT, lambda kid: kid + "/"),
        ("with a query", NO_ACCOUNT, lambda kid: kid + "?a=b"),
        ("without an id", NO_ACCOUNT, lambda kid: kid[: kid.rindex("/") + 1]),
        ("with a NUL", NO_ACCOUNT, lambda kid: kid + "\0"),
        ("that goes upwards", NO_ACCOUNT, lambda kid: kid.replace("/account/", "/account/../account/")),
    )
    for name, refusal, change in changes:
        yield signed(
            f"header: a kid {name}",
            refusal,
            "newOrder",
            ORDER,
            header=partial(_with_kid, change),
        )
    yield signed(
        "header: the kid of another account",
        UNAUTHORIZED,
        "newOrder",
        ORDER,
        header=lambda bench: {"kid": bench.other.kid},
    )
    yield signed(
        "header: the kid of a deactivated account", UNAUTHORIZED, "newOrder", ORDER, by="deactivated"
    )


def _with_url(change: Callable[[str], str], bench: Bench) -> Mapping[str, Any]:
    return {"url": change(bench.urls["newOrder"])}


def _with_kid(change: Callable[[str], str], bench: Bench) -> Mapping[str, Any]:
    return {"kid": change(bench.client.kid or "")}


def _further_members() -> Iterator[BadRequest]:
    further: dict[str, Any] = {
        "crit": ["nonce"],
        "b64": False,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/chain",
        "x5c": ["AAAA"],
        "x5t": "AAAA",
        "x5t#S256": "AAAA",
        "typ": "JWT",
        "cty": "json",
        "zip": "DEF",
        "enc": "A128GCM",
        "iat": 1,
        "": 1,
    }
    for member, value in further.items():
        yield _header(f"with {member or 'a nameless member'}", MALFORMED, **{member: value})
    yield _header("an empty crit", MALFORMED, crit=[])
    yield _header("b64 true", MALFORMED, b64=True)
