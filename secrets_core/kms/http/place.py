"""Where our own API has the KMS of a project."""

from typing import Any

from litestar import Request

AnyRequest = Request[Any, Any, Any]

BASE = "/v1/projects/{project:str}/kms"
KEY = f"{BASE}/keys/{{name:str}}"
