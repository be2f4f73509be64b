"""Which questions a change of a secret puts to the policy."""

from collections.abc import Iterable

from ca_service.kernel.tenancy import Tenant
from ca_service.policy.values import Access
from secrets_core.vault.accesses import READ, UNDELETE, secret_access
from secrets_core.vault.commits import ChangeAction
from secrets_core.vault.places import SecretPlace
from secrets_core.vault.secrets import Secret
from secrets_core.vault.wishes import Wish

_ACTIONS = {
    ChangeAction.SET: "secrets:write",
    ChangeAction.DELETE: "secrets:delete",
    ChangeAction.UNDELETE: UNDELETE,
    ChangeAction.DESTROY: "secrets:destroy",
}


def questions_of(tenant: Tenant, wish: Wish, found: Secret | None) -> Iterable[Access]:
    """Return the questions of one wish: about the secret as it is, and as it shall be.

    Where a secret goes to another place, whoever reads that place will read it: so its present reader must
    be the one who moves it.
    """
    action = _ACTIONS[wish.action]
    before = () if found is None else found.tags
    after = before if wish.tags is None else wish.tags

    def access(question: str, place: SecretPlace, tags: tuple[str, ...], field: str | None) -> Access:
        named = None if field is None else f"{wish.label}{field}"
        return secret_access(question, tenant, place.environment, place.path, place.name, tags, field=named)

    field = "name" if wish.label else None
    yield access(action, wish.place, before if found is not None else after, field)
    if wish.to is not None and wish.to != wish.place:
        yield access(READ, wish.place, before, "name")
        yield access(action, wish.to, after, "new_name")
    elif found is not None and after != before:
        yield access(action, wish.place, after, "tags")
