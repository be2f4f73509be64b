"""Debian's lego with a folder of its own."""

from pathlib import Path

from tests.support.client_world import ClientWorld, Ran


class Lego:
    """One lego and its account, against one server."""

    def __init__(self, world: ClientWorld, folder: Path) -> None:
        self.folder = folder
        self.world = world
        self.http = ("--http", "--http.port", f"127.0.0.1:{world.http_port}")
        self.tls = ("--tls", "--tls.port", f"127.0.0.1:{world.tls_port}")
        self.dns = ("--dns", "exec", "--dns.disable-cp", "--dns.resolvers", world.surroundings.dns.address)

    def run(self, command: str, *names: str, by: tuple[str, ...] = (), further: tuple[str, ...] = ()) -> Ran:
        """Run `run`, `renew` or `revoke`; `by` are options before it, `further` those after it."""
        domains = [argument for name in names for argument in ("--domains", name)]
        line = ["lego", "--server", self.world.directory_url, "--accept-tos", "--email", "a@example.com"]
        line += ["--path", str(self.folder / "lego"), *by, *domains, command, *further]
        if (key := self.world.external_key) is not None:
            line[1:1] = ["--eab", "--kid", key.id, "--hmac", key.hmac_key]
        env = {
            "LEGO_CA_CERTIFICATES": str(self.world.server.ca_file),
            "EXEC_PATH": self.world.dns_hook,
            "EXEC_POLLING_INTERVAL": "1",
            "EXEC_SEQUENCE_INTERVAL": "1",
        }
        return self.world.run(line, self.folder, env)

    def chain(self, name: str) -> Path:
        """Return the file of a certificate and its chain."""
        return self.folder / "lego" / "certificates" / f"{name.replace('*', '_')}.crt"

    def key(self, name: str) -> Path:
        """Return the file of a certificate's key."""
        return self.chain(name).with_suffix(".key")
