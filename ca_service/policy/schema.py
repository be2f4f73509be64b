"""One Cedar schema joined from the core and the modules' fragments, and the check of policies against it."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import cedarpy

from ca_service.policy.compiled import CompiledPolicy, compile_policy
from ca_service.policy.errors import PolicyRefusedError, SchemaError

#: The groups of actions that the built-in roles are written in.
ACTION_GROUPS = frozenset({"reads", "uses", "manages"})
#: How many of Cedar's complaints are told: a policy about every action may have one for each.
_MOST_ERRORS = 5


@cache
def core_fragment() -> str:
    """Return the fragment that all modules build on: the tenant chain, the principals, `Name`, the groups."""
    return files("ca_service.policy").joinpath("core.cedarschema").read_text(encoding="utf-8")


def join_schema(fragments: Iterable[str]) -> str:
    """Return the core and the modules' fragments as one Cedar schema text; PolicySchema checks it."""
    return "\n".join([core_fragment(), *fragments])


class PolicySchema:
    """A parsed schema. `groups` gives every action with all the groups it is in."""

    def __init__(self, text: str) -> None:
        """Parse a joined schema. Raises SchemaError with Cedar's own message."""
        try:
            self.handle = cedarpy.Schema.from_str(text)
            known = json.loads(str(cedarpy.Entities.from_json_str("[]", self.handle)))
        except ValueError as error:
            raise SchemaError(f"the Cedar schema does not hold together: {error}") from error
        parents = {
            entity["uid"]["id"]: frozenset(parent["id"] for parent in entity["parents"]) for entity in known
        }
        # Cedar gives the ancestors already closed; closing them again costs nothing and relies on nothing.
        self.groups: Mapping[str, frozenset[str]] = MappingProxyType(
            {action: _ancestors(action, parents) for action in parents}
        )

    @property
    def actions(self) -> frozenset[str]:
        """Return the actions that can be asked about, groups left out."""
        inner = frozenset().union(*self.groups.values()) | ACTION_GROUPS
        return frozenset(self.groups) - inner

    def verify_policy(self, policy_id: str, text: str, name: str = "") -> CompiledPolicy:
        """Return the policy compiled, if it is one statement that fits. Raises PolicyRefusedError."""
        compiled = compile_policy(policy_id, text, name)
        errors = cedarpy.validate_policies(text, self.handle).errors
        if errors:
            # In an order of our own: Cedar tells them in another one each time.
            told = sorted({each.error.removeprefix("for policy `policy0`, ") for each in errors})
            sentence = "; ".join(told[:_MOST_ERRORS])
            raise PolicyRefusedError(f"Cedar refuses the policy: {sentence}.", rule="policy-schema")
        return compiled


def _ancestors(action: str, parents: Mapping[str, frozenset[str]]) -> frozenset[str]:
    found: set[str] = set()
    open_ends = [action]
    while open_ends:
        for parent in parents.get(open_ends.pop(), frozenset()) - found:
            found.add(parent)
            open_ends.append(parent)
    return frozenset(found)
