"""Where our own API has the SSH authority of a project."""

from typing import Any

from litestar import Request

AnyRequest = Request[Any, Any, Any]

BASE = "/v1/projects/{project:str}/ssh"
