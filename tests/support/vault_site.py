"""The routes of the vault over a ground, called on the loop of the test."""

import asyncio
from typing import Any

import msgspec

from ca_service.policy.sets import BuiltInPolicy
from secrets_core.vault.http import ROUTES
from tests.support.vault_ground import VaultGround
from tests.support.web import ALICES_TOKEN, Answered, InProcess, _exchange

#: Lets the caller of every request do everything.
ALICE_MAY = BuiltInPolicy("test:alice", 'permit(principal == Identity::"idn_alice", action, resource);')


class VaultSite:
    """Answers requests as the TLS listener does."""

    def __init__(self, runner: asyncio.Runner, ground: VaultGround) -> None:
        self._runner = runner
        self.ground = ground
        gate: Any = ground.gate
        self._front = InProcess(ROUTES, gate=gate).front

    def call(self, method: str, path: str, value: Any = None, **headers: str) -> Answered:
        """Send one request; `value` is its JSON, and bytes are sent as they are."""
        target, _, query = path.partition("?")
        raw = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        raw += [(b"host", b"ca.example"), (b"authorization", f"Bearer {ALICES_TOKEN}".encode())]
        body = b"" if value is None else value if isinstance(value, bytes) else msgspec.json.encode(value)
        if body:
            raw.append((b"content-type", b"application/json"))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": ("192.0.2.7", 50000),
            "scheme": "https",
            "root_path": "",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": raw,
            "state": {},
        }
        return self._runner.run(_exchange(self._front, scope, [body]))
