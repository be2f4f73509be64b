"""OCSP over HTTP, at both listeners: GET and POST, headers for caches, errors that are OCSP's (RFC 5019)."""

import asyncio
from base64 import b64encode
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.ocsp import OCSPResponseStatus as Told

from ca_service.database.port import Database
from ca_service.x509.http import PROJECT_ROUTES, public_routes
from ca_service.x509.operations import IssuedCertificate, RevokeCertificate
from tests.support.bad_ocsp_requests import MALFORMED
from tests.support.fakes.kernel import FakeClock
from tests.support.ocsp import GOOD, REVOKED, read_answer, request_for, told
from tests.support.web import Answered, InProcess, _exchange
from tests.support.x509_ground import CertificateGround, parse

DER = "application/ocsp-request"
PAGES = pytest.mark.parametrize("plain", [True, False], ids=["plain", "tls"])


class Door:
    """Both listeners over a ground with one certificate."""

    def __init__(self, runner: asyncio.Runner, ground: CertificateGround) -> None:
        self.run = runner.run
        self.ground = ground
        routes = [*PROJECT_ROUTES, *public_routes(ground.assembly.artefacts, ground.assembly.responder)]
        gate: Any = ground.gate
        self._fronts = [InProcess(routes, gate=gate, plain=plain).front for plain in (False, True)]
        self.issued: IssuedCertificate = self.run(ground.issue("api.example.com"))
        self.serial = int(self.issued.serial_number, 16)
        self.path = f"/pki/{self.issued.authority_id}/ocsp"
        self.request = request_for(parse(self.issued.chain_pem[0]), self.serial)

    def call(
        self, method: str, path: str, body: bytes = b"", *, plain: bool = True, **headers: Any
    ) -> Answered:
        raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        raw.append((b"host", b"ca.example"))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8080),
            "client": ("192.0.2.7", 50000),
            "scheme": "http",
            "root_path": "",
            "method": method,
            # As the server hands it over: percent signs are decoded.
            "path": path,
            "raw_path": b"",
            "query_string": b"",
            "headers": raw,
            "state": {},
        }
        return self.run(_exchange(self._fronts[plain], scope, [body]))

    def get(self, request: bytes, *, plain: bool = True, **headers: Any) -> Answered:
        return self.call("GET", f"{self.path}/{b64encode(request).decode()}", plain=plain, **headers)

    def post(self, request: bytes, *, plain: bool = True, content_type: str = DER) -> Answered:
        return self.call("POST", self.path, request, plain=plain, content_type=content_type)

    def revoke(self) -> None:
        operation = RevokeCertificate(project="default", certificate=self.issued.id)
        self.run(self.ground.perform(operation))


@pytest.fixture
def door(runner: asyncio.Runner, database: Database, clock: FakeClock) -> Door:
    return Door(runner, runner.run(CertificateGround(database, clock).start()))


@PAGES
def test_a_get_is_answered(door: Door, plain: bool) -> None:
    answered = door.get(door.request, plain=plain)
    assert (answered.status, told(answered.body)) == (200, [(door.serial, GOOD)])
    assert answered.headers["content-type"] == "application/ocsp-response"
    assert answered.headers["access-control-allow-origin"] == "*"


@PAGES
def test_a_post_is_answered_and_not_cached(door: Door, plain: bool) -> None:
    answered = door.post(door.request, plain=plain)
    assert (answered.status, told(answered.body)) == (200, [(door.serial, GOOD)])
    assert answered.headers["content-type"] == "application/ocsp-response"
    assert answered.headers["cache-control"] == "no-store"


def test_a_get_and_a_post_tell_the_same(door: Door) -> None:
    assert door.get(door.request).body == door.post(door.request).body


def test_a_get_may_hold_two_slashes_in_a_row(door: Door) -> None:
    issuer = parse(door.issued.chain_pem[0])
    serial = next(
        number
        for number in range(0xFFFFFFFFFF00, 0xFFFFFFFFFFFF)
        if "//" in b64encode(request_for(issuer, number)).decode()
    )
    assert told(door.get(request_for(issuer, serial)).body)[0][0] == serial


def test_a_head_is_answered_with_the_headers_of_a_get(door: Door) -> None:
    got = door.get(door.request)
    headers = door.call("HEAD", f"{door.path}/{b64encode(door.request).decode()}").headers
    assert headers["etag"] == got.headers["etag"]


def test_a_cache_is_told_how_long_an_answer_is_good(door: Door) -> None:
    headers = door.get(door.request).headers
    read = read_answer(door.get(door.request).body)
    assert headers["cache-control"] == "public, max-age=60, no-transform, must-revalidate"
    assert parsedate_to_datetime(headers["expires"]) == read.next_update_utc
    assert parsedate_to_datetime(headers["last-modified"]) == read.this_update_utc


def test_what_a_cache_holds_is_not_sent_again_until_it_changed(door: Door) -> None:
    etag = door.get(door.request).headers["etag"]
    same = door.get(door.request, if_none_match=etag)
    assert (same.status, same.body) == (304, b"")
    door.revoke()
    other = door.get(door.request, if_none_match=etag)
    assert (other.status, told(other.body)) == (200, [(door.serial, REVOKED)])


@pytest.mark.parametrize("serial", [None, 77], ids=["nonce", "unknown"])
def test_what_is_for_one_caller_or_one_moment_is_not_cached(door: Door, serial: int | None) -> None:
    issuer = parse(door.issued.chain_pem[0])
    nonce = b"n" * 16 if serial is None else None
    headers = door.get(request_for(issuer, serial or door.serial, nonce=nonce)).headers
    assert headers["cache-control"] == "no-store"
    assert "etag" not in headers


def test_a_nonce_in_a_get_comes_back(door: Door) -> None:
    request = request_for(parse(door.issued.chain_pem[0]), door.serial, nonce=b"n" * 32)
    found = read_answer(door.get(request).body).extensions.get_extension_for_class(x509.OCSPNonce)
    assert found.value.nonce == b"n" * 32


def test_what_is_malformed_is_told_so_in_ocsps_own_words(door: Door) -> None:
    for name, der in MALFORMED.items():
        answers = [door.post(der)] if len(der) <= 10 * 1024 else []
        if 0 < len(b64encode(der)) <= 1024:
            answers.append(door.get(der))
        for answered in answers:
            assert answered.status == 200, name
            assert read_answer(answered.body).response_status is Told.MALFORMED_REQUEST, name
            assert answered.headers["cache-control"] == "no-store", name


@PAGES
@pytest.mark.parametrize("text", ["%", "====", "ocsp", "MEIw!", "ß", "a/b/c", "../../v1/audit"])
def test_an_address_without_base64_is_malformed(door: Door, text: str, plain: bool) -> None:
    answered = door.call("GET", f"{door.path}/{text}", plain=plain)
    assert (answered.status, read_answer(answered.body).response_status) == (200, Told.MALFORMED_REQUEST)


@PAGES
def test_a_body_of_more_than_10_kib_is_too_large(door: Door, plain: bool) -> None:
    assert door.post(bytes(10 * 1024 + 1), plain=plain).status == 413


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "application/ocsp-response"])
def test_a_body_of_another_type_is_refused(door: Door, content_type: str) -> None:
    assert door.post(door.request, content_type=content_type).status == 415


def test_a_content_type_may_have_parameters(door: Door) -> None:
    assert door.post(door.request, content_type=f"{DER}; charset=binary").status == 200


def test_an_authority_that_does_not_exist_is_404(door: Door) -> None:
    other = f"/pki/ca_nobody/ocsp/{b64encode(door.request).decode()}"
    assert door.call("GET", other).status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "GET"])
def test_the_plain_listener_answers_no_other_method(door: Door, method: str) -> None:
    assert door.call(method, door.path).status == 405


def test_a_credential_over_plain_http_is_refused_here_too(door: Door) -> None:
    answered = door.get(door.request, authorization="Bearer kw_x")
    assert (answered.status, answered.json()["rule"]) == (400, "plain_credentials")


def test_an_expired_answer_is_not_sent_again(door: Door) -> None:
    first = door.get(door.request)
    door.ground.clock.advance(timedelta(hours=13))
    second = door.get(door.request, if_none_match=first.headers["etag"])
    assert second.status == 200
    assert parsedate_to_datetime(second.headers["expires"]) > door.ground.clock.now()
