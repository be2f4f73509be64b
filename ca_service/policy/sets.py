"""The policies that Keywright itself writes: built-in roles, reserved names, the open ACME directory."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from msgspec import Struct

from ca_service.policy.cedar_text import cedar_entity, cedar_string, cedar_strings
from ca_service.policy.names import Name, NameKind, NameRefusedError, parse_dns_name, parse_ip_address
from ca_service.policy.values import Entity

INSTANCE = Entity("Instance", "instance")
ADMINISTRATOR = Entity("Role", "instance/administrator")
#: The one job that may name the service's own hosts: it renews the listener's certificate.
SERVER = Entity("System", "server")

# A permit covers wildcard names only if it speaks of them (S7); these roles do, whatever the action.
_WITH_WILDCARDS = "when { if context has name then [true, false].contains(context.name.wildcard) else true }"
_GROUPS_OF_ROLE = {"member": ("reads", "uses"), "viewer": ("reads",)}


class BuiltInPolicy(Struct, frozen=True):
    """A policy that comes with the code: one Cedar statement and its id in decisions and the trail."""

    id: str
    text: str


@lru_cache(maxsize=4096)
def role_policy(scope: str, role: str, kind: str) -> BuiltInPolicy | None:
    """Return what a built-in role in a scope means; None for a role that is not built in.

    `scope` is `instance` or the id of an organization or project, and `kind` says which of the three it is:
    `Instance`, `Organization` or `Project`. Roles: administrator; admin and member; admin, member, viewer and
    no-access.
    """
    principal = f"principal in {cedar_entity(Entity('Role', f'{scope}/{role}'))}"
    place = cedar_entity(Entity(kind, scope))
    text: str | None = None
    if (kind, role) == ("Instance", "administrator"):
        text = f"permit({principal}, action, resource) {_WITH_WILDCARDS};"
    elif role == "admin" and kind != "Instance":
        text = f"permit({principal}, action, resource in {place}) {_WITH_WILDCARDS};"
    elif (kind, role) == ("Organization", "member"):
        text = f'permit({principal}, action in Action::"reads", resource == {place});'
    elif (kind, role) == ("Project", "no-access"):
        text = f"forbid({principal}, action, resource in {place});"
    elif kind == "Project" and role in _GROUPS_OF_ROLE:
        actions = ", ".join(f'Action::"{group}"' for group in _GROUPS_OF_ROLE[role])
        text = f"permit({principal}, action in [{actions}], resource in {place}) {_WITH_WILDCARDS};"
    return None if text is None else BuiltInPolicy(f"role:{scope}/{role}", text)


def reserved_names_policy(hosts: Iterable[str]) -> BuiltInPolicy | None:
    """Return the forbid that keeps the service's own names for the instance administrator and itself (S11).

    `hosts` are those of the public URLs. `localhost` and loopback addresses are never reserved; without any
    other host there is nothing to forbid and the answer is None.
    """
    names = sorted({name for name in map(_name_of_host, hosts) if not _is_loopback(name)})
    if not names:
        return None
    values = cedar_strings(name.value for name in names)
    text = (
        "forbid(principal, action, resource)\n"
        f'when {{ context has name && ["dns", "ip"].contains(context.name.kind) && '
        f"{values}.contains(context.name.value) }}\n"
        f"unless {{ principal in {cedar_entity(ADMINISTRATOR)} || principal == {cedar_entity(SERVER)} }};"
    )
    return BuiltInPolicy("built-in:reserved-names", text)


def _name_of_host(host: str) -> Name:
    try:
        return parse_ip_address(host.strip("[]"))
    except NameRefusedError:
        return parse_dns_name(host)


def _is_loopback(name: Name) -> bool:
    if name.kind is NameKind.IP:
        return ip_address(name.value).is_loopback
    return name.value == "localhost" or name.value.endswith(".localhost")


def open_directory_policy(directory_id: str, *profiles: str) -> str:
    """Return the text of a policy that opens an ACME directory to every account in it (S2).

    It permits to issue from these profiles, and only names that were proved in the order, wildcards included.
    """
    directory = cedar_entity(Entity("Acme::Directory", directory_id))
    allowed = (
        f"context.profile == {cedar_string(profiles[0])}"
        if len(profiles) == 1
        else f"{cedar_strings(profiles)}.contains(context.profile)"
    )
    return (
        f'permit(principal in {directory}, action == Action::"x509:issue", resource)\n'
        f"when {{ {allowed} }}\n"
        "when { if context has name then context has proof && "
        "[true, false].contains(context.name.wildcard) else true };"
    )
