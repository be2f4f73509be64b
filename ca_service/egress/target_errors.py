"""Why a target could not be logged in to, or would not do what it was told.

None of them repeats what the target said: that may hold a password, a statement, or a stranger's words.
"""

from ca_service.egress.errors import ConnectionFailedError, EgressError


class TargetLostError(ConnectionFailedError):
    """The connection ended, stalled or flooded us: what was under way may be done or not."""


class LoginRefusedError(EgressError):
    """The target was reached and did not let us in.

    `needs_person` says that it will not by itself: a wrong password, an unknown database, a certificate.
    """

    def __init__(self, detail: str, *, needs_person: bool) -> None:
        super().__init__(detail)
        self.needs_person = needs_person


class StatementRefusedError(EgressError):
    """The target refused a statement; `sqlstate` is the reason as PostgreSQL's appendix A numbers them."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"The target refused a statement with SQLSTATE {sqlstate}.")
        self.sqlstate = sqlstate
