"""Debian's Apache with mod_md, which gets the certificates of its own sites, in a ServerRoot of its own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.client_world import ClientWorld
from tests.support.daemon import Daemon, running_daemon

#: What mod_md says of a certificate that it will use after a restart.
STAGED = "will be activated on next (graceful) server restart"

_MODULES = "/usr/lib/apache2/modules"
_LOADED = ("mpm_event", "authz_core", "socache_shmcb", "ssl", "md")
_SERVER = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
LogLevel notice
DefaultRuntimeDir {folder}
Mutex file:{folder} default
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
MaxSpareThreads 8
DocumentRoot {folder}
MDStoreDir {folder}/md
"""
_SITE = """\
Listen 127.0.0.1:{http_port} http
Listen 127.0.0.1:{tls_port} https
Protocols http/1.1 acme-tls/1
MDCertificateAuthority {directory_url}
MDCACertificateFile {ca_file}
MDCertificateAgreement accepted
MDContactEmail a@example.com
MDPrivateKeys secp256r1
MDPortMap 80:{http_port} 443:{tls_port}
MDCAChallenges {challenge}
MDChallengeDns01 {folder}/dns-hook
MDRetryDelay 1s
MDCheckInterval 1s
MDRenewWindow {renew_window}
MDomain {names}
<VirtualHost *:{tls_port}>
    ServerName {name}
    SSLEngine on
</VirtualHost>
"""
# mod_md calls `setup DOMAIN VALUE` and `teardown DOMAIN`, and hands nothing of its environment on.
_DNS_HOOK = """\
#!/bin/sh
ACME_WORLD='{world}'
export ACME_WORLD
case $1 in
    setup) exec '{dns_hook}' add "_acme-challenge.$2" "$3" ;;
    teardown) exec '{dns_hook}' del "_acme-challenge.$2" "${{3-}}" ;;
esac
"""


@contextlib.contextmanager
def running_apache(world: ClientWorld, folder: Path, site: str) -> Iterator[Daemon]:
    """Run Apache as one process in the foreground, with the configuration of a site."""
    modules = [f"LoadModule {name}_module {_MODULES}/mod_{name}.so\n" for name in _LOADED]
    file = folder / "httpd.conf"
    file.write_text("".join(modules) + _SERVER.format(folder=folder) + site)
    command = ["apache2", "-X", "-f", str(file)]
    with running_daemon(command, folder, world.environment(folder)) as daemon:
        yield daemon


class Apache:
    """One Apache and its store, against one server."""

    def __init__(self, world: ClientWorld, folder: Path) -> None:
        self.folder = folder
        self.world = world
        hook = folder / "dns-hook"
        surroundings = world.surroundings.control_url
        hook.write_text(_DNS_HOOK.format(world=surroundings, dns_hook=world.dns_hook))
        hook.chmod(0o755)

    @contextlib.contextmanager
    def serving(self, *names: str, by: str, renew_window: str = "33%") -> Iterator[Daemon]:
        """Serve a site whose certificate mod_md gets by one challenge."""
        site = _SITE.format(
            folder=self.folder,
            name=names[0],
            names=" ".join(names),
            http_port=self.world.http_port,
            tls_port=self.world.tls_port,
            directory_url=self.world.directory_url,
            ca_file=self.world.server.ca_file,
            challenge=by,
            renew_window=renew_window,
        )
        if (key := self.world.external_key) is not None:
            site = f"MDExternalAccountBinding {key.id} {key.hmac_key}\n{site}"
        with running_apache(self.world, self.folder, site) as daemon:
            yield daemon

    def chain(self, name: str, *, is_staged: bool = False) -> Path:
        """Return the file of a certificate and its chain: the active one, or the one for the next start."""
        stage = "staging" if is_staged else "domains"
        [found] = (self.folder / "md" / stage / name).glob("pubcert*.pem")
        return found
