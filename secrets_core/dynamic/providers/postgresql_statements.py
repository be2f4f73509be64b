"""What PostgreSQL is told. `{{…}}` becomes a quoted identifier or literal, `$1` is bound by the server."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final

_FROM_16 = 160000

_LOCK: Final = "SELECT pg_catalog.{function}($1::bigint)"
LOCK_TRANSACTION: Final = _LOCK.format(function="pg_advisory_xact_lock")
LOCK_SESSION: Final = _LOCK.format(function="pg_advisory_lock")

FIND: Final = "SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1"
LIST: Final = (
    "SELECT rolname FROM pg_catalog.pg_roles WHERE pg_catalog.left(rolname, pg_catalog.length($1)) = $1"
    " ORDER BY rolname"
)
PROLONG: Final = "ALTER ROLE {{name}} VALID UNTIL {{expiration}}"
FORBID_LOGIN: Final = "ALTER ROLE {{name}} NOLOGIN"
DROP: Final = "DROP ROLE {{name}}"
REASSIGN: Final = "REASSIGN OWNED BY {{name}} TO CURRENT_USER"
DROP_OWNED: Final = "DROP OWNED BY {{name}}"

SESSIONS: Final = "SELECT pid FROM pg_catalog.pg_stat_activity WHERE usesysid = $1::oid"
END_SESSIONS: Final = (
    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usesysid = $1::oid"
)
#: Where anything depends on the role; shared things (a database it owns) have no database, and count as here.
DEPENDENTS: Final = (
    "SELECT DISTINCT d.datname, d.datname IS NULL OR d.datname = pg_catalog.current_database()"
    " FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid"
    " WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.refobjid = $1::oid"
)
OWN_RIGHTS: Final = (
    "SELECT rolsuper, rolcreaterole, rolinherit, pg_catalog.pg_is_in_recovery()"
    " FROM pg_catalog.pg_roles WHERE rolname = current_user"
)
#: Of each role: whether it exists, is a superuser, and can be granted on by us.
ROLES: Final = (
    "SELECT wanted.name, r.rolsuper, pg_catalog.pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')"
    " FROM pg_catalog.json_array_elements_text($1::json) AS wanted(name)"
    " LEFT JOIN pg_catalog.pg_roles r ON r.rolname = wanted.name"
)


def create(roles: Sequence[str]) -> str:
    """Return the statement that makes an account; role n is `{{role_n}}` with n spelled in letters."""
    members = ", ".join(f"{{{{{key}}}}}" for key in role_keys(roles))
    return (
        "CREATE ROLE {{name}} LOGIN PASSWORD {{password}} VALID UNTIL {{expiration}}"
        f"{' IN ROLE ' + members if members else ''}"
    )


def role_keys(roles: Sequence[str]) -> dict[str, str]:
    """Return the placeholder of each role."""
    return {f"role_{chr(97 + index // 26)}{chr(97 + index % 26)}": role for index, role in enumerate(roles)}


def join(server_version: int) -> str:
    """Return what makes the login a member of the account.

    From 16 on whether a member has the role's rights is said with the membership; before, it is the member's
    own attribute INHERIT that decides.
    """
    return "GRANT {{name}} TO CURRENT_USER" + (" WITH INHERIT TRUE" if server_version >= _FROM_16 else "")


def lock_key(name: str) -> str:
    """Return the number of the advisory lock of one account."""
    digest = hashlib.sha256(f"keywright:account:{name}".encode()).digest()
    return str(int.from_bytes(digest[:8], signed=True))


def as_json(names: Sequence[str]) -> str:
    """Return names as one value that a statement takes apart."""
    return json.dumps(list(names))


def needs_admin_option(server_version: int) -> bool:
    """Tell whether CREATEROLE alone does not suffice to grant a role (PostgreSQL 16 release notes)."""
    return server_version >= _FROM_16
