"""The connection that a command speaks through, from the settings in force."""

from typing import Annotated

import typer

from ca_service.client.api import ApiClient
from ca_service.client.settings import load_settings
from ca_service.config import environment

Project = Annotated[
    str,
    typer.Option(
        "--project", envvar="KEYWRIGHT_PROJECT", help="The project's slug or id.", show_default=True
    ),
]


def connect(*, with_token: bool = True) -> ApiClient:
    """Return a client for the server in force. Raises ClientError."""
    settings = load_settings(environment())
    return ApiClient(settings.url, token=settings.token if with_token else None, ca_file=settings.ca_file)
