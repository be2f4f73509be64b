"""What can go wrong between a client and the server, each in one sentence that says what to do next."""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """A request was refused or did not arrive; the message is for a person."""


class UnreachableError(ClientError):
    """The server did not answer, or its certificate is not trusted."""


class RefusedError(ClientError):
    """The server answered with a problem document (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = dict(problem)
        text = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
        if problem.get("field"):
            text = f"{problem['field']}: {text}"
        if problem.get("request_id"):
            text = f"{text} (request {problem['request_id']})"
        super().__init__(text)
