"""Debian's Caddy, which gets the certificates of its own sites."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.client_world import ClientWorld
from tests.support.daemon import Daemon, running_daemon

OBTAINED = "certificate obtained successfully"
RENEWED = "certificate renewed successfully"


@contextlib.contextmanager
def running_caddy(world: ClientWorld, folder: Path, configuration: Path) -> Iterator[Daemon]:
    """Run Caddy with a configuration, JSON or Caddyfile by its name."""
    adapter = [] if configuration.suffix == ".json" else ["--adapter", "caddyfile"]
    command = ["caddy", "run", "--config", str(configuration), *adapter]
    with running_daemon(command, folder, world.environment(folder)) as daemon:
        yield daemon


class Caddy:
    """One Caddy and its storage, against one server."""

    def __init__(self, world: ClientWorld, folder: Path) -> None:
        self.folder = folder
        self.world = world

    @contextlib.contextmanager
    def serving(self, *names: str, by: str, renewal_window: float = 0.34) -> Iterator[Daemon]:
        """Serve sites whose certificates Caddy gets by one challenge.

        It renews what has less than `renewal_window` (of 1) of its lifetime left.
        """
        file = self.folder / "caddy.json"
        file.write_text(json.dumps(self._configuration(names, by, renewal_window)))
        with running_caddy(self.world, self.folder, file) as daemon:
            yield daemon

    def chain(self, name: str) -> Path:
        """Return the file of a certificate and its chain."""
        [found] = (self.folder / "storage" / "certificates").glob(f"*/{name}/{name}.crt")
        return found

    def _configuration(self, names: Sequence[str], by: str, renewal_window: float) -> dict[str, Any]:
        issuer = {
            "module": "acme",
            "ca": self.world.directory_url,
            "email": "a@example.com",
            "trusted_roots_pem_files": [str(self.world.server.ca_file)],
            "challenges": {
                "http": {"disabled": by != "http-01"},
                "tls-alpn": {"disabled": by != "tls-alpn-01"},
            },
        }
        if (key := self.world.external_key) is not None:
            issuer["external_account"] = {"key_id": key.id, "mac_key": key.hmac_key}
        policy = {
            "subjects": list(names),
            "issuers": [issuer],
            "renewal_window_ratio": renewal_window,
            "disable_ocsp_stapling": True,
        }
        server = {
            "listen": [f"127.0.0.1:{self.world.tls_port}"],
            "protocols": ["h1", "h2"],
            "automatic_https": {"disable_redirects": True},
            "routes": [{"match": [{"host": list(names)}], "handle": [{"handler": "static_response"}]}],
        }
        ports = {"http_port": self.world.http_port, "https_port": self.world.tls_port}
        return {
            "admin": {"disabled": True},
            "storage": {"module": "file_system", "root": str(self.folder / "storage")},
            "apps": {
                "http": {**ports, "servers": {"sites": server}},
                "tls": {"automation": {"policies": [policy]}},
                "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
            },
        }
