"""What the policy refuses, and what must never happen."""

from ca_service.kernel.errors import InternalError, UnacceptableError


class PolicyRefusedError(UnacceptableError):
    """A policy's text cannot be accepted; `detail` says where Cedar or we stopped understanding it."""

    def __init__(self, detail: str, *, rule: str, field: str | None = "text") -> None:
        super().__init__(detail, field=field, rule=rule)


class SchemaError(InternalError):
    """The modules' fragments do not join to one Cedar schema, or a built-in policy does not fit it."""


class QuestionError(InternalError):
    """A handler asked what the schema does not know: a wrong type, an unknown action or attribute."""
