"""What a profile may compute from the caller: typed facts of an established caller, never of the request."""

from enum import StrEnum

from msgspec import Struct

from ca_service.gate.caller import Caller
from ca_service.kernel.tenancy import Tenant


class CallerField(StrEnum):
    """A fact of the caller. `local-part` is what stands before the one @ of its name."""

    ID = "id"
    NAME = "name"
    LOCAL_PART = "local-part"
    ROLES = "roles"
    ADDRESS = "address"


class CallerFacts(Struct, frozen=True):
    """Who asks, and in which project."""

    caller: Caller
    tenant: Tenant

    def values(self, field: CallerField, *, domain: str = "") -> tuple[str, ...]:
        """Return the values of a fact, none if the caller has none.

        `roles` are those held in the project or its organization; `local-part` has a value only if the rest
        of the name is `domain`, so that the people of two companies are never one.
        """
        caller = self.caller
        found: tuple[str, ...]
        match field:
            case CallerField.ID:
                found = (caller.id,)
            case CallerField.NAME:
                found = (caller.name,)
            case CallerField.ADDRESS:
                found = (caller.address,)
            case CallerField.LOCAL_PART:
                local_part, _, rest = caller.name.partition("@")
                found = (local_part,) if domain and rest.lower() == domain.lower() else ()
            case CallerField.ROLES:
                scopes = {self.tenant.project, self.tenant.organization}
                found = tuple(sorted({grant.role for grant in caller.roles if grant.scope in scopes}))
        return tuple(value for value in found if value)
