"""What goes wrong at a target, as the two errors of the port: wait, or call a person."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ca_service.config import ConfigError
from ca_service.egress.errors import ConnectionFailedError, DnsFailedError, RefusedAddressError
from ca_service.egress.target_errors import LoginRefusedError, StatementRefusedError
from ca_service.kernel.errors import KeywrightError
from secrets_core.dynamic.errors import TargetRefusedError, TargetUnreachableError
from secrets_core.dynamic.providers.port import TIMEOUT

UNDEFINED = "42704"
#: Classes of SQLSTATE that say "not now": connection, transaction rollback, resources, object in use,
#: operator intervention, system error (PostgreSQL documentation, appendix A).
_NOT_NOW = ("08", "40", "53", "55", "57", "58")
_READ_ONLY = "25006"
_INTERNAL = "XX"
_REASONS = {
    "42501": (
        "The login of the configuration lacks a right at the target. It needs CREATEROLE (from PostgreSQL 16 "
        "also ADMIN OPTION on each of `roles`) and, to end accounts, CREATE on the schemas that they made "
        "things in."
    ),
    "42710": "A role of this name exists at the target already.",
    UNDEFINED: "Something that the configuration names does not exist at the target: does each of `roles`?",
    "2BP01": (
        "Something at the target still depends on the account. `SELECT * FROM pg_shdepend` there names it; "
        "reassign or drop it."
    ),
    "42601": "The target cannot read one of the configured statements: a syntax error.",
    "3F000": "A statement names a schema that does not exist at the target. Write names with their schema.",
    "42P01": "A statement names a table that does not exist at the target. Write names with their schema.",
    "0LP01": "The target does not grant one of `roles` to others: is it above the login itself?",
}


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Bound what is done at a target, and say in the port's errors what went wrong.

    Raises TargetUnreachableError, TargetRefusedError.
    """
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            yield
    except TimeoutError:
        raise TargetUnreachableError(
            f"The target did not finish within {TIMEOUT.total_seconds():g} s; it is tried again."
        ) from None
    except (StatementRefusedError, LoginRefusedError, RefusedAddressError) as error:
        raise _told(error) from None
    except ConfigError as error:
        raise TargetRefusedError(str(error)) from None
    except (ConnectionFailedError, DnsFailedError) as error:
        raise TargetUnreachableError(error.detail) from None


def _told(error: StatementRefusedError | LoginRefusedError | RefusedAddressError) -> KeywrightError:
    if isinstance(error, StatementRefusedError):
        return _of_statement(error.sqlstate)
    if isinstance(error, LoginRefusedError) and not error.needs_person:
        return TargetUnreachableError(error.detail)
    return TargetRefusedError(error.detail)


def _of_statement(state: str) -> KeywrightError:
    if state.startswith((*_NOT_NOW, _INTERNAL)) or state == _READ_ONLY:
        return TargetUnreachableError(f"The target cannot do this now (SQLSTATE {state}); it is tried again.")
    reason = _REASONS.get(state, "The target refused a statement.")
    return TargetRefusedError(f"{reason} (SQLSTATE {state})", rule="target")
