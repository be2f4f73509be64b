"""Makes, lists and takes away login mappings."""

from ca_service.custody.custody import Custody
from ca_service.database.port import Database, Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.principals import caller_name
from ca_service.governance.slugs import parse_slug
from ca_service.kernel.errors import NotFoundError
from ca_service.kernel.identifiers import Identifiers
from ca_service.policy.values import ContextValue, Grant
from ssh_ca.errors import HostRefusedError
from ssh_ca.host_accesses import hosts_access
from ssh_ca.host_rows import HostRows
from ssh_ca.hosts import LoginMapping, MappingScope, parse_account, parse_host_names, parse_permitted
from ssh_ca.operations.hosts import (
    CreateLoginMapping,
    ListLoginMappings,
    LoginMappingPage,
    RemoveLoginMapping,
)
from ssh_ca.storage.login_mappings import delete_mapping, find_mapping, insert_mapping, list_mappings


class CreateMappingHandler(Handler[CreateLoginMapping, LoginMapping, LoginMapping, LoginMapping]):
    """Makes one mapping."""

    def __init__(self, custody: Custody, identifiers: Identifiers) -> None:
        self._identifiers = identifiers
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: CreateLoginMapping) -> Prepared[LoginMapping]:
        """Read whom it lets in where; hosts and groups may come later than their mappings."""
        principals, identities = parse_permitted(operation.principals, operation.identities)
        mapping = LoginMapping(
            id=self._identifiers.new("slm"),
            tenant=call.home,
            scope=operation.scope,
            scope_name=_scope_name(operation),
            account=parse_account(operation.account),
            principals=principals,
            identities=identities,
            created_by=caller_name(call.caller),
            created_at=call.now,
        )
        context: dict[str, ContextValue] = {
            "account": mapping.account,
            "principals": [*principals],
            "identities": [*identities],
        }
        details = {"mapping": mapping.id, "scope": mapping.scope.value, "of": mapping.scope_name, **context}
        return Prepared(mapping, (hosts_access(operation.action, call.home, context=context),), details)

    async def sign(self, call: Call, draft: LoginMapping, grant: Grant) -> LoginMapping:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: LoginMapping) -> LoginMapping:
        """Keep it."""
        del call
        await insert_mapping(transaction, self._rows.mapping_mac, signed)
        return signed


class ListMappingsReader(Reader[ListLoginMappings, LoginMappingPage]):
    """Lists mappings, oldest first."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: ListLoginMappings) -> Prepared[LoginMappingPage]:
        """Read one page, and one row more to know whether another follows."""
        found = await list_mappings(
            self._database, self._rows.mapping_mac, call.home, operation.limit + 1, operation.after
        )
        shown = found[: operation.limit]
        page = LoginMappingPage(tuple(shown), shown[-1].id if len(found) > len(shown) else None)
        return Prepared(page, (hosts_access(operation.action, call.home),), {"items": len(shown)})


class RemoveMappingHandler(Handler[RemoveLoginMapping, LoginMapping, LoginMapping, LoginMapping]):
    """Takes one mapping away."""

    def __init__(self, database: Database, custody: Custody) -> None:
        self._database = database
        self._rows = HostRows(custody)

    async def prepare(self, call: Call, operation: RemoveLoginMapping) -> Prepared[LoginMapping]:
        """Find it."""
        mapping = await find_mapping(self._database, self._rows.mapping_mac, call.home, operation.mapping)
        if mapping is None:
            raise NotFoundError("login mapping")
        access = hosts_access(operation.action, call.home, noun="login mapping")
        return Prepared(mapping, (access,), {"mapping": mapping.id, "account": mapping.account})

    async def sign(self, call: Call, draft: LoginMapping, grant: Grant) -> LoginMapping:
        """Return the draft: nothing is signed."""
        del call, grant
        return draft

    async def record(self, transaction: Transaction, call: Call, signed: LoginMapping) -> LoginMapping:
        """Forget it; no host is told of it any more from this commit on."""
        if not await delete_mapping(transaction, call.home, signed.id):
            raise NotFoundError("login mapping")
        return signed


def _scope_name(operation: CreateLoginMapping) -> str:
    if operation.scope is MappingScope.HOST:
        return parse_host_names((operation.scope_name,), field="host")[0].value
    if operation.scope is MappingScope.GROUP:
        return parse_slug(operation.scope_name, field="group")
    if operation.scope_name:
        raise HostRefusedError("A mapping for all hosts names none.", field="host", rule="mapping-scope")
    return ""
