"""`kill -9` while CRLs are published and responders are rotated: what was answered stands."""

import random
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509 import ocsp

from tests.support.ocsp import REVOKED, request_for
from tests.support.outside_look import fetch_rows
from tests.support.server import Server, running_server, send

_X509 = "/v1/projects/default/x509"
_DEATHS = 4
_RESPONDERS_WITH_KEYS = """
    SELECT responder.generation FROM x509_ocsp_responders AS responder
    JOIN custody_keys AS key ON key.id = responder.key_id
"""
_EACH = 4
_ORDINARY = 20.0


def _issue(server: Server) -> list[dict[str, Any]]:
    bodies = ({"profile": "server", "dns_names": [f"k{n}.example.com"]} for n in range(_DEATHS // 2 * _EACH))
    return [server.post(f"{_X509}/certificates", body).json() for body in bodies]


def _list_of(server: Server, authority_id: str, part: str) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl(server.plain(f"/pki/{authority_id}/crl{part}").body)


def _number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _answer(server: Server, issued: dict[str, Any]) -> ocsp.OCSPResponse:
    issuer = x509.load_pem_x509_certificate(issued["chain"][0].encode())
    request = request_for(issuer, int(issued["serial_number"], 16))
    path = f"/pki/{issued['authority_id']}/ocsp"
    asked = urllib.request.Request(server.plain_url + path, request)
    asked.add_header("Content-Type", "application/ocsp-request")
    return ocsp.load_der_ocsp_response(send(asked).body)


def _eventually(tell: Callable[[], bool]) -> bool:
    until = time.monotonic() + _ORDINARY
    while time.monotonic() < until:
        if tell():
            return True
    return False


def _kill(server: Server, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(20)


def _revoke(server: Server, ids: list[str]) -> None:
    for one in ids:
        revoked = server.post(f"{_X509}/certificates/{one}/revoke", {"reason": "superseded"})
        assert revoked.status == 200, revoked.body


def _responders(server: Server) -> list[dict[str, Any]]:
    query = f"{_X509}/certificates?profile=@ocsp-responder&limit=100"
    found: list[dict[str, Any]] = server.get(query).json()["items"]
    return found


def _let_the_next_lead_at_once(server: Server) -> None:
    """End the lease of a dead process, so that housekeeping begins with the next start."""
    with closing(sqlite3.connect(server.data / "keywright.db", timeout=10)) as connection, connection:
        connection.execute("DELETE FROM queue_leases")


def test_kill_9_during_publication_and_rotation_loses_nothing(tmp_path: Path) -> None:
    dice, numbers = random.Random(8), []
    told: list[dict[str, Any]] = []
    with running_server(tmp_path) as server:
        path = f"{_X509}/authorities/issuing/publishing"
        chosen = {"crl_shards": 2, "responder": "delegated"}
        assert server.request("PATCH", path, chosen).status == 200
        issued = _issue(server)
        authority_id = issued[0]["authority_id"]
    for death in range(_DEATHS):
        with running_server(tmp_path) as server:
            if death % 2 == 0:
                # Housekeeping makes a responder as soon as the server leads, which is about now.
                _kill(server, dice.random() * 0.05)
            else:
                numbers.append(_number_of(_list_of(server, authority_id, "")))
                wanted = issued[len(told) : len(told) + _EACH]
                _revoke(server, [item["id"] for item in _responders(server) if item["status"] == "valid"])
                _revoke(server, [one["id"] for one in wanted])
                told += wanted
                _kill(server, dice.random() * 0.02)
        _let_the_next_lead_at_once(server)

    with running_server(tmp_path) as server:
        numbers.append(_number_of(_list_of(server, authority_id, "")))
        lists = [_list_of(server, authority_id, part) for part in ("", "/1", "/2")]
        assert _eventually(lambda: bool(_answer(server, issued[0]).certificates))
        answers = [_answer(server, one) for one in told]
        responders = _responders(server)
        url = f"sqlite:///{server.data / 'keywright.db'}"
        kept = fetch_rows(url, _RESPONDERS_WITH_KEYS)

    serials = {int(one["serial_number"], 16) for one in told}
    ended = {int(one["serial_number"], 16) for one in responders if one["status"] == "revoked"}
    assert {entry.serial_number for entry in lists[0]} == serials | ended
    assert {entry.serial_number for part in lists[1:] for entry in part} == serials
    assert numbers == sorted(set(numbers))
    assert {answer.certificate_status for answer in answers} == {REVOKED}
    # No certificate of a responder without its row and its key, and no generation missing.
    assert sorted(kept) == [(number + 1,) for number in range(len(responders))]
