"""Debian's dehydrated with a configuration of its own."""

from pathlib import Path

from tests.support.client_world import ClientWorld, Ran

# The hook of the DNS world knows dehydrated's `deploy_challenge`; for tls-alpn-01 dehydrated leaves a
# certificate in a folder and a hook to show it, which openssl does here.
_HOOK = """\
#!/bin/sh
set -eu
case "$SOLVED_BY $1" in
    "dns-01 deploy_challenge" | "dns-01 clean_challenge") exec '{dns_hook}' "$@" ;;
    "tls-alpn-01 deploy_challenge")
        timeout 60 openssl s_server -accept 127.0.0.1:{tls_port} -alpn acme-tls/1 -www >'{alpn}/said' 2>&1 \\
            -cert '{alpn}'/"$2.crt.pem" -key '{alpn}'/"$2.key.pem" &
        echo $! >'{alpn}/pid'
        until grep -q ACCEPT '{alpn}/said'; do kill -0 $! && sleep 0.05; done ;;
    "tls-alpn-01 clean_challenge") kill "$(cat '{alpn}/pid')" 2>/dev/null || true ;;
esac
"""


class Dehydrated:
    """One dehydrated and its account, against one server."""

    def __init__(self, world: ClientWorld, folder: Path) -> None:
        self.folder = folder
        self.world = world
        self.challenges = folder / "www" / ".well-known" / "acme-challenge"
        self._base = folder / "base"
        alpn = self._base / "alpn-certs"
        alpn.mkdir(parents=True)
        hook = folder / "hook"
        hook.write_text(_HOOK.format(dns_hook=world.dns_hook, tls_port=world.tls_port, alpn=alpn))
        hook.chmod(0o755)
        self.challenges.mkdir(parents=True)
        settings = {
            "CA": world.directory_url,
            "BASEDIR": self._base,
            "WELLKNOWN": self.challenges,
            "ALPNCERTDIR": alpn,
            "CURL_OPTS": f"--cacert {world.server.ca_file}",
            "CONTACT_EMAIL": "a@example.com",
            "HOOK": hook,
            "CONFIG_D": "",
            "KEYSIZE": "2048",
            "KEY_ALGO": "prime256v1",
        }
        if (key := world.external_key) is not None:
            settings.update(EAB_KID=key.id, EAB_HMAC_KEY=key.hmac_key)
        lines = [f'{name}="{value}"\n' for name, value in settings.items()]
        (folder / "config").write_text("".join(lines))

    def run(self, *arguments: str, by: str = "http-01") -> Ran:
        """Run one command; `by` is the challenge that the hook is to answer."""
        line = ["dehydrated", "--config", str(self.folder / "config"), "--challenge", by, *arguments]
        return self.world.run(line, self.folder, {"SOLVED_BY": by})

    def sign(self, *names: str, by: str, further: tuple[str, ...] = ()) -> Ran:
        """Register if need be, and get a certificate, by one challenge, under the alias `it`."""
        line = ("--cron", "--accept-terms", "--domain", " ".join(names), "--alias", "it", *further)
        return self.run(*line, by=by)

    def file(self, part: str) -> Path:
        """Return a file of the newest certificate: `cert`, `fullchain` or `privkey`."""
        return self._base / "certs" / "it" / f"{part}.pem"
