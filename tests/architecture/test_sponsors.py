"""What an ACME account may do for an identity is decided as both, or stands here with a reason (S2)."""

import re

from ca_service.composition import MODULES
from ca_service.policy.schema import core_fragment
from ca_service.web.instance.module import SCHEMA as INSTANCE_SCHEMA
from tests.support.samples import SAMPLES

#: Actions of accounts and identities alike that an account does alone.
ALONE = {
    "acme:read-directory": "shows what everybody may see",
    "governance:read-project": "where an account lives",
    "x509:read": "shows an account what was issued to it",
    "x509:read-authority": "shows what everybody may see",
    "x509:revoke": "takes away, and never gives",
}
_ACTION = re.compile(r'action\s+((?:"[^"]+"\s*,?\s*)+).*?principal:\s*\[([^\]]*)\]', re.DOTALL)


def shared_actions() -> set[str]:
    """Return the actions that the schema lets both ACME accounts and identities do."""
    fragments = [core_fragment(), INSTANCE_SCHEMA, *(module.schema for module in MODULES)]
    shared: set[str] = set()
    for names, principals in _ACTION.findall("\n".join(fragments)):
        if {"Acme::Account", "Identity"} <= {each.strip() for each in principals.split(",")}:
            shared |= set(re.findall(r'"([^"]+)"', names))
    return shared


def test_every_action_of_accounts_and_identities_is_decided_as_both_or_is_listed() -> None:
    for_both = {sample.operation.action for sample in SAMPLES if sample.operation.for_sponsor}
    assert shared_actions() == for_both | ALONE.keys()


def test_issuing_is_decided_as_both() -> None:
    assert {sample.operation.__name__ for sample in SAMPLES if sample.operation.for_sponsor} == {
        "IssueCertificate",
        "RenewCertificate",
    }
