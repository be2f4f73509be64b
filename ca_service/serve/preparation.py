"""What has to be right before anything serves, and the local commands that stop there."""

import asyncio
from typing import TYPE_CHECKING

from ca_service.config import Config
from ca_service.custody.memory import protect_memory
from ca_service.database.url import parse_database_url
from ca_service.serve.addresses import parse_listen, public_urls, verify_server_config
from ca_service.serve.data_directory import prepare_data_directory
from ca_service.web.hosts import host_of_url
from ca_service.web.logs import configure_logging

if TYPE_CHECKING:
    from ca_service.serve.service import RunningService


def verify_config(config: Config) -> None:
    """Refuse a configuration that cannot serve, having made nothing. Raises ConfigError."""
    verify_server_config(config.server)
    parse_database_url(config.database_url)


def migrate_only(config: Config) -> bool:
    """Bring the database up to date and tell whether anything had to be done."""
    verify_config(config)
    prepare_data_directory(config.data_path)
    from ca_service.database.migration import migrate

    return migrate(config.database_url)


def prepare(config: Config, *, new_admin_token: bool) -> None:
    """Make what the first start makes; with `new_admin_token` another token, which ends those before it."""
    configure_logging(config.log.format, "warning")
    migrate_only(config)
    protect_memory()
    asyncio.run(_prepare(config, new_admin_token=new_admin_token))


def disable_admin_token(config: Config) -> int:
    """End the bootstrap token for good and return how many there were; nothing is served."""
    configure_logging(config.log.format, "warning")
    migrate_only(config)
    protect_memory()

    async def disable() -> int:
        service = await _open(config)
        try:
            return await service.disable_admin_token()
        finally:
            await service.close()

    return asyncio.run(disable())


async def _prepare(config: Config, *, new_admin_token: bool) -> None:
    service = await _open(config)
    try:
        if new_admin_token:
            await service.replace_admin_token()
    finally:
        await service.close()


async def _open(config: Config) -> "RunningService":
    from ca_service.composition import World
    from ca_service.serve.service import open_service

    tls = parse_listen(config.server.listen, "server.listen")
    plain = parse_listen(config.server.plain_listen, "server.plain_listen")
    urls = public_urls(config.server, tls, plain)
    hosts = (host_of_url(urls.tls), host_of_url(urls.plain))
    return await open_service(config, World(urls.tls, urls.plain), hosts)
