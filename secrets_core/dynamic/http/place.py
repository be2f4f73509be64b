"""Where our own API has dynamic secrets and leases, and the words of its queries."""

from typing import Any

from litestar import Request

from ca_service.kernel.errors import MalformedError

AnyRequest = Request[Any, Any, Any]

PROJECT = "/v1/projects/{project:str}"
SECRETS = f"{PROJECT}/environments/{{env:str}}/dynamic-secrets"
SECRET = f"{SECRETS}/{{name:str}}"
LEASES = f"{PROJECT}/leases"
LEASE = f"{LEASES}/{{lease:str}}"


def parse_flag(text: str | None, *, field: str) -> bool:
    """Return what a flag of a query says; left out it is false. Raises MalformedError."""
    if text not in {None, "true", "false"}:
        raise MalformedError(f"`{field}` is true or false.", field=field, rule="flag")
    return text == "true"
