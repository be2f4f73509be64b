"""Requests that must be refused, each with the right status and, where one is at fault, the field."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.openssl import openssl

X509 = "/v1/projects/default/x509/certificates"
SSH = "/v1/projects/default/ssh/certificates"
_JSON = {"Content-Type": "application/json"}


class BadRequest(NamedTuple):
    """One request: what is wrong with it, how it is sent, and how it must be refused."""

    name: str
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    status: int
    field: str | None = None


def bad_requests(folder: Path) -> list[BadRequest]:
    """Return the whole table; keys and CSRs are made in `folder`."""
    public_key = _ssh_key(folder, "ed25519")
    return [
        *_bad_bodies(),
        *_bad_fields(),
        *_bad_names(),
        *_bad_csrs(folder),
        *_bad_headers(),
        *_bad_addresses(),
        *_bad_ssh(folder, public_key),
        *_bad_logins(),
        *_bad_memberships(),
        *_bad_acme(),
    ]


def _issue(name: str, status: int, field: str | None = None, **body: Any) -> BadRequest:
    return BadRequest(f"x509: {name}", "POST", X509, json.dumps(body).encode(), _JSON, status, field)


def _bad_bodies() -> Iterator[BadRequest]:
    bodies: list[tuple[str, bytes, int]] = [
        ("no body", b"", 400),
        ("not JSON", b"profile=server", 400),
        ("an array", b"[]", 400),
        ("a number", b"7", 400),
        ("null", b"null", 400),
        ("cut off", b'{"profile": "server"', 400),
        ("two documents", b'{"profile": "server"}{}', 400),
        ("not UTF-8", b'{"profile": "\xff\xfe"}', 400),
        ("NaN", b'{"profile": "server", "ttl": NaN}', 400),
        ("a thousand levels deep", b'{"dns_names": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400),
        ("two megabytes", b'{"profile": "' + b"x" * 2_000_000 + b'"}', 413),
    ]
    for path in (X509, SSH):
        module = path.split("/")[4]
        for name, body, status in bodies:
            yield BadRequest(f"{module}: {name}", "POST", path, body, _JSON, status)
        yield BadRequest(f"{module}: no media type", "POST", path, b"{}", {"Content-Type": ""}, 415)
        yield BadRequest(f"{module}: a form", "POST", path, b"a=b", {"Content-Type": "text/plain"}, 415)


def _bad_fields() -> Iterator[BadRequest]:
    names = {"dns_names": ["a.example.com"]}
    yield _issue("no profile", 400, "profile", **names)
    yield _issue("an unknown field", 400, "colour", profile="server", colour="red", **names)
    yield _issue("a number for a profile", 400, "profile", profile=7, **names)
    yield _issue("null for a profile", 400, "profile", profile=None, **names)
    yield _issue("text for a list", 400, "dns_names", profile="server", dns_names="a.example.com")
    yield _issue("a number in a list", 400, "dns_names[0]", profile="server", dns_names=[7])
    yield _issue("a profile that does not exist", 422, "profile", profile="nothing", **names)
    yield _issue("an empty profile", 422, "profile", profile="", **names)
    yield _issue(
        "an authority that does not exist", 422, "authority", profile="server", authority="no", **names
    )
    yield _issue("the root as issuer", 422, "authority", profile="server", authority="root", **names)
    yield _issue("no names at all", 422, None, profile="server")
    yield _issue(
        "a key algorithm of nobody", 422, "key_algorithm", profile="server", key_algorithm="DSA", **names
    )
    yield _issue("a list for a ttl", 400, "ttl", profile="server", ttl=[], **names)
    yield _issue("words for a ttl", 400, "ttl", profile="server", ttl="soon", **names)
    yield _issue("a negative ttl", 422, "ttl", profile="server", ttl=-5, **names)
    yield _issue("no ttl at all", 422, "ttl", profile="server", ttl=0, **names)
    yield _issue("a ttl above the profile's ceiling", 422, "ttl", profile="server", ttl="201d", **names)
    yield _issue("a ttl of ages", 422, "ttl", profile="server", ttl="99999999999999999999d", **names)
    yield _issue(
        "a hundred and one names",
        422,
        None,
        profile="server",
        dns_names=[f"a{n}.example.com" for n in range(101)],
    )


def _bad_names() -> Iterator[BadRequest]:
    names = [
        *(
            "",
            " ",
            ".",
            "a..example.com",
            ".example.com",
            "a.example.com.",
            "a b.example.com",
            "a_b.example.com",
        ),
        *(
            "-a.example.com",
            "a-.example.com",
            "*",
            "*.",
            "**.example.com",
            "a.*.example.com",
            "*a.example.com",
        ),
        *(
            "a*.example.com",
            "*.*.example.com",
            "http://a.example.com",
            "a.example.com/b",
            "a.example.com:443",
        ),
        *("a\u0000.example.com", "a\u202e.example.com", "a\n.example.com", "xn--\u00e4.example.com"),
        *("xn--a.example.com", "ab--cd.example.com", f"{'a' * 64}.example.com", f"{'a.' * 130}com"),
        *("10.0.0.1", "1.2.3.256", "example.0x1f", "example.123", "[::1]", "user@example.com"),
    ]
    for name in names:
        yield _issue(f"the DNS name {name[:40]!r}", 422, "dns_names[0]", profile="server", dns_names=[name])
    for address in (
        "",
        "10.0.0",
        "10.0.0.256",
        "010.0.0.1",
        "10.0.0.1/24",
        "::g",
        "fe80::1%eth0",
        "example.com",
        "1",
    ):
        yield _issue(
            f"the address {address!r}", 422, "ip_addresses[0]", profile="server", ip_addresses=[address]
        )
    for common_name in ("", "Some Person", "a\u0000b", "x" * 65, "user@example.com"):
        yield _issue(
            f"the common name {common_name[:20]!r}",
            422,
            "common_name",
            profile="server",
            common_name=common_name,
        )
    yield _issue(
        "an e-mail in a server certificate", 422, "emails[0]", profile="server", emails=["a@example.com"]
    )
    yield _issue("a URI without a scheme", 422, "uris[0]", profile="client", uris=["//host/path"])


def _bad_csrs(folder: Path) -> Iterator[BadRequest]:
    def csr(name: str, status: int, text: str, **further: Any) -> BadRequest:
        return _issue(
            f"a CSR: {name}", status, "csr" if not further else None, profile="server", csr=text, **further
        )

    good = _csr(folder, "good", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
    yield csr("empty", 400, "")
    yield csr("no PEM", 400, "hello")
    yield csr(
        "PEM of nothing", 400, "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"
    )
    yield csr(
        "PEM of noise", 400, "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
    )
    yield csr("cut off", 400, good[: len(good) // 2])
    yield csr("two of them", 400, good + good)
    yield csr("not base64", 400, good.replace("A", "!"))
    yield csr("a private key instead", 400, (folder / "good.key").read_text())
    yield csr("its signature broken", 422, _with_broken_signature(folder, good))
    yield csr("RSA of 1024 bits", 422, _csr(folder, "rsa1024", ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]))
    yield csr("RSA with exponent 3", 422, _csr(folder, "rsae3", ["RSA", "-pkeyopt", "rsa_keygen_pubexp:3"]))
    yield csr(
        "signed with SHA-1", 422, _csr(folder, "sha1", ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "-sha1")
    )
    yield csr("curve secp256k1", 422, _csr(folder, "k1", ["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]))
    yield csr("no names", 422, _csr(folder, "none", ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], names=""))
    yield csr("a bad name", 422, _csr(folder, "bad", ["ED25519"], names="DNS:a_b.example.com"))
    yield csr("an otherName", 422, _csr(folder, "other", ["ED25519"], names="otherName:1.2.3.4;UTF8:hello"))
    yield csr(
        "a common name that is none of ours", 422, _csr(folder, "cn", ["ED25519"], subject="/CN=Some Person")
    )
    yield csr(
        "two common names",
        422,
        _csr(folder, "cns", ["ED25519"], subject="/CN=a.example.com/CN=b.example.com"),
    )
    yield csr("names beside it", 422, good, dns_names=["a.example.com"])
    yield csr("a common name beside it", 422, good, common_name="a.example.com")
    yield csr("a key algorithm beside it", 422, good, key_algorithm="EC_P256")


def _bad_headers() -> Iterator[BadRequest]:
    body = json.dumps({"profile": "server", "dns_names": ["a.example.com"]}).encode()
    for name, value in (
        ("no bearer", ""),
        ("basic authorization", "Basic YWRtaW46YWRtaW4="),
        ("an empty token", "Bearer "),
        ("a token of nobody", "Bearer kwt_nobody"),
        ("a token of a thousand characters", "Bearer " + "a" * 1000),
        ("a token that is no ASCII", "Bearer \u00e4\u00f6"),
    ):
        yield BadRequest(f"header: {name}", "POST", X509, body, {**_JSON, "Authorization": value}, 401)
    yield BadRequest("header: another host", "POST", X509, body, {**_JSON, "Host": "evil.example.com"}, 421)
    for name, key in (("too long", "k" * 256), ("not ASCII", "schl\u00fcssel"), ("empty", "")):
        yield BadRequest(
            f"header: an idempotency key {name}", "POST", X509, body, {**_JSON, "Idempotency-Key": key}, 400
        )


def _bad_addresses() -> Iterator[BadRequest]:
    def get(name: str, path: str, status: int, field: str | None = None) -> BadRequest:
        return BadRequest(f"address: {name}", "GET", path, None, {}, status, field)

    yield get("no such place", "/v1/nothing", 404)
    yield get("no such project", "/v1/projects/nothing/x509/certificates", 404)
    yield get("no such certificate", f"{X509}/crt_00000000000000000000000000", 404)
    yield get("an id of ten thousand characters", f"{X509}/{'a' * 10_000}", 404)
    yield get("a path upwards", f"{X509}/..%2f..%2fetc%2fpasswd", 404)
    yield get("a NUL in an id", f"{X509}/a%00b", 400)
    yield get("a NUL in a filter", f"{X509}?name=a%00b", 400)
    yield get("no such authority", "/pki/aut_nothing/ca.der", 404)
    yield get("limit 0", f"{X509}?limit=0", 400, "limit")
    yield get("limit 1001", f"{X509}?limit=1001", 400, "limit")
    yield get("limit of words", f"{X509}?limit=many", 400, "limit")
    yield get("a cursor of nobody", f"{X509}?cursor=%25%25%25", 400, "cursor")
    yield get("an unknown filter", f"{X509}?colour=red", 400, "colour")
    yield get("an unknown status", f"{X509}?status=sleeping", 400, "status")
    yield get("an unknown order", f"{X509}?order_by=colour", 400, "order_by")
    yield get("a time of words", f"{X509}?expires_before=soon", 400, "expires_before")
    yield get("a serial number of words", f"{X509}?serial_number=xyz", 400, "serial_number")
    for method in ("PUT", "DELETE", "PATCH"):
        yield BadRequest(f"address: {method} of a list", method, X509, b"{}", _JSON, 405)
    for reason, status in (("because", 422), (7, 400), ("certificateHold", 422)):
        body = json.dumps({"reason": reason}).encode()
        path = f"{X509}/{{certificate}}/revoke"
        yield BadRequest(
            f"x509: revoked for the reason {reason}", "POST", path, body, _JSON, status, "reason"
        )
    revoke = f"{X509}/crt_00000000000000000000000000/revoke"
    yield BadRequest("x509: revoke nothing", "POST", revoke, b"{}", _JSON, 404)


def _bad_ssh(folder: Path, public_key: str) -> Iterator[BadRequest]:
    def sign(name: str, status: int, field: str | None, **changes: Any) -> BadRequest:
        body = {"profile": "user", "public_key": public_key, "principals": ["ops"], **changes}
        left = {key: value for key, value in body.items() if value != "left out"}
        return BadRequest(f"ssh: {name}", "POST", SSH, json.dumps(left).encode(), _JSON, status, field)

    yield sign("no key", 400, "public_key", public_key="left out")
    yield sign("an unknown field", 400, "colour", colour="red")
    for name, key in (
        ("empty", ""),
        ("words", "hello"),
        ("a type without a key", "ssh-ed25519"),
        ("not base64", "ssh-ed25519 !!!!"),
        ("another type inside", public_key.replace("ssh-ed25519 ", "ssh-rsa ", 1)),
        ("cut off", public_key[:40]),
        ("two lines", public_key + "\n" + public_key),
        ("options before it", 'command="id" ' + public_key),
        ("a private key", (folder / "ed25519").read_text()),
    ):
        yield sign(f"the key {name}", 400, "public_key", public_key=key)
    yield sign("RSA of 1024 bits", 422, "public_key", public_key=_ssh_key(folder, "rsa", "1024"))
    yield sign("no principals", 422, "principals", principals=[])
    yield sign("principals left out", 422, "principals", principals="left out")
    yield sign("text for principals", 400, "principals", principals="ops")
    for principal in (
        "",
        "a,b",
        "a b",
        "*",
        "o*",
        "a\nb",
        "a\u0000b",
        "\u00e4",
        "x" * 300,
        "../root",
        "$(id)",
    ):
        yield sign(f"the principal {principal[:12]!r}", 422, "principals[0]", principals=[principal])
    yield sign("257 principals", 422, "principals", principals=[f"u{n}" for n in range(257)])
    yield sign("a wildcard host", 422, "principals[0]", profile="host", principals=["*.example.com"])
    yield sign("a profile that does not exist", 422, "profile", profile="nothing")
    yield sign("a ttl above the ceiling", 422, "ttl", ttl="400d")
    yield sign("no ttl at all", 422, "ttl", ttl=0)
    yield sign("words for a ttl", 400, "ttl", ttl="soon")
    yield sign("a key id of two lines", 422, "key_id", key_id="a\nb")
    yield sign("a key id of ages", 422, "key_id", key_id="k" * 5000)
    yield sign("an unknown critical option", 422, None, critical_options={"no-such-option": ""})
    yield sign("a bad source address", 422, None, critical_options={"source-address": "10.0.0.1/99"})
    yield sign("an unknown extension", 422, None, extensions={"permit-everything": ""})
    yield sign(
        "extensions of a host",
        422,
        None,
        profile="host",
        principals=["h.example.com"],
        extensions={"permit-pty": ""},
    )
    revoke = f"{SSH}/revoke"
    for name, body in (("nothing", {}), ("two ways", {"key_id": "a", "public_key": public_key})):
        yield BadRequest(f"ssh: revoke {name}", "POST", revoke, json.dumps(body).encode(), _JSON, 400)


def _bad_logins() -> Iterator[BadRequest]:
    login = "/v1/auth/universal/login"
    for name, body, status in (
        ("with nothing", {}, 400),
        ("with numbers", {"client_id": 1, "client_secret": 2}, 400),
        ("of nobody", {"client_id": "nobody", "client_secret": "nothing"}, 401),
    ):
        yield BadRequest(f"login: {name}", "POST", login, json.dumps(body).encode(), _JSON, status)
    yield BadRequest("login: by magic", "POST", "/v1/auth/magic/login", b"{}", _JSON, 404)


def _bad_memberships() -> Iterator[BadRequest]:
    path = "/v1/projects/default/memberships"
    for name, moment in (
        ("a year before the first", "0001-01-01T00:00:00+23:59"),
        ("a year after the last", "9999-12-31T23:59:59-23:59"),
        ("no zone", "2030-01-02T03:04:05"),
    ):
        body = {"identity": "idn_x", "role": "member", "expires_at": moment}
        document = json.dumps(body).encode()
        yield BadRequest(f"membership: {name}", "POST", path, document, _JSON, 400, "expires_at")


def _bad_acme() -> Iterator[BadRequest]:
    jose = {"Content-Type": "application/jose+json"}
    for place in ("new-account", "new-order"):
        path = f"/acme/default/{place}"
        yield BadRequest(f"acme: {place} by GET", "GET", path, None, {}, 405)
        yield BadRequest(f"acme: {place} as JSON", "POST", path, b"{}", _JSON, 415)
        for name, body in (
            ("empty", b""),
            ("no JSON", b"hello"),
            ("an empty object", b"{}"),
            ("a compact JWS", b"e30.e30.e30"),
            ("several signatures", b'{"payload": "", "signatures": []}'),
            ("base64 of noise", b'{"protected": "!!!", "payload": "", "signature": ""}'),
        ):
            yield BadRequest(f"acme: {place}: {name}", "POST", path, body, jose, 400)
    yield BadRequest("acme: no such directory", "GET", "/acme/nothing/directory", None, {}, 404)


def _csr(
    folder: Path,
    name: str,
    algorithm: list[str],
    digest: str | None = None,
    *,
    names: str = "DNS:a.example.com",
    subject: str = "/",
) -> str:
    key, csr = folder / f"{name}.key", folder / f"{name}.csr"
    openssl("genpkey", "-algorithm", *algorithm, "-out", key)
    extensions = ["-addext", f"subjectAltName={names}"] if names else []
    openssl(
        "req", "-new", "-key", key, "-subj", subject, *extensions, *([digest] if digest else []), "-out", csr
    )
    return csr.read_text()


def _with_broken_signature(folder: Path, good: str) -> str:
    der = bytearray(_der(folder, good))
    der[-1] ^= 1
    (folder / "broken.der").write_bytes(bytes(der))
    openssl("req", "-inform", "DER", "-in", folder / "broken.der", "-out", folder / "broken.csr")
    return (folder / "broken.csr").read_text()


def _der(folder: Path, pem: str) -> bytes:
    (folder / "in.csr").write_text(pem)
    openssl("req", "-in", folder / "in.csr", "-outform", "DER", "-out", folder / "out.der")
    return (folder / "out.der").read_bytes()


def _ssh_key(folder: Path, kind: str, bits: str | None = None) -> str:
    file = folder / kind
    size = ["-b", bits] if bits else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "test", "-f", file], check=True)
    return file.with_suffix(".pub").read_text().strip()
