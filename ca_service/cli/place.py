"""Where secrets lie: a project, an environment of it, and a folder."""

import sys
from typing import Annotated

import typer

from ca_service.client.api import address

#: As many items of a list as there are; pages are followed to the end.
EVERYTHING = sys.maxsize

Environment = Annotated[
    str,
    typer.Option(
        "--env", envvar="KEYWRIGHT_ENVIRONMENT", help="The environment's slug or id.", show_default=True
    ),
]
Folder = Annotated[str, typer.Option("--path", help="The folder: /, /app, /app/db.", show_default=True)]


def in_environment(project: str, environment: str, *further: str) -> str:
    """Return the address of something in an environment of a project."""
    return address("v1", "projects", project, "environments", environment, *further)


def in_project(project: str, *further: str) -> str:
    """Return the address of something in a project."""
    return address("v1", "projects", project, *further)
