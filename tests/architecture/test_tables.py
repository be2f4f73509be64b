"""The tables of tenants (S12): every row says whose it is, and every statement binds whose rows it means."""

from functools import cache

import pytest

from ca_service.x509.inventory import NameMatch
from migrations.tables import load_all_tables
from tests.support.statements import (
    OWNER,
    NamedStatement,
    made,
    makers_of_statements,
    module_statements,
)

#: Tables of the instance as a whole.
OF_THE_INSTANCE = {
    "acme_used_nonces": "nonces are nobody's before the signature is read",
    "audit_batches": "one trail for all",
    "audit_heads": "one trail for all",
    "audit_sinks": "one trail for all",
    "custody_roots": "the root key",
    "custody_slots": "the root key, wrapped",
    "database_clock": "the time",
    "governance_organizations": "the organizations themselves: the id is the owner",
    "policy_generations": "one generation for all (S14)",
    "queue_jobs": "what a job is about stands in its payload; it is performed in its project",
    "queue_leases": "who runs housekeeping",
}
#: Tables without a column `project`: one row for a whole organization, or for a project itself.
WITHOUT_A_PROJECT = {
    "custody_organization_keys": "the key above those of projects",
    "governance_projects": "the projects themselves: the id is the project",
}
#: Tables whose rows an organization owns, found by its id; `project` tells where an identity belongs.
OF_ORGANIZATIONS = {
    "custody_organization_keys",
    "governance_projects",
    "identity_client_secrets",
    "identity_identities",
    "identity_lockouts",
    "identity_tokens",
}

_BEFORE_A_TENANT = "what proves who is calling is found before any tenant is known"
_OVER_ALL = "housekeeping over all tenants, which shows and changes nothing a caller owns"
_FOR_EVERYONE = "a public artefact, found by its opaque id"
_THE_TRAIL = "the sequencer and the verifier go over the whole trail"
_FOUND_ABOVE = "by the id of a row that was found in its scope just before"
_IN_ALL_PROJECTS = "a blocked key is refused in the whole organization, a proven one everywhere (S12)"
#: Statements that do not bind both, and why.
UNBOUND = {
    "acme.storage.expired:_DROP_AUTHORIZATIONS": _OVER_ALL,
    "acme.storage.expired:_DROP_CHALLENGES": _OVER_ALL,
    "acme.storage.expired:_DROP_LINKS": _OVER_ALL,
    "acme.storage.expired:_DROP_ORDERS": _OVER_ALL,
    "acme.storage.expired:_LIST_AUTHORIZATIONS": _OVER_ALL,
    "acme.storage.expired:_LIST_ORDERS": _OVER_ALL,
    "acme.storage.directories:_FIND_BY_SLUG": "an address names a directory before any tenant is known",
    "acme.storage.directories:_IS_SLUG_USED": "slugs are unique on the instance",
    "ca_service.audit.storage:_FIND_OUTSIDE": _THE_TRAIL,
    "ca_service.audit.storage:_HAS_PENDING": _THE_TRAIL,
    "ca_service.audit.storage:_LIST_AFTER": _THE_TRAIL,
    "ca_service.audit.storage:_LIST_NUMBERED": _THE_TRAIL,
    "ca_service.audit.storage:_LIST_PENDING": _THE_TRAIL,
    "ca_service.audit.storage:_NUMBER": _THE_TRAIL,
    "ca_service.gate.storage:_DROP_EXPIRED_ANSWERS": _OVER_ALL,
    "ca_service.gate.storage:_FORGET": _OVER_ALL,
    "ca_service.gate.storage:_KEEP_ANSWER": _FOUND_ABOVE,
    "ca_service.gate.storage:_RELEASE": _FOUND_ABOVE,
    "ca_service.gate.storage:_TAKE_OVER": _FOUND_ABOVE,
    "ca_service.governance.membership_storage:_LIST_OF_PRINCIPAL": "a caller's roles lie in any place",
    "ca_service.governance.storage:_FIND_PROJECT": "a request names a project; the tenant is what this finds",
    "ca_service.governance.storage:_LIST_ALL_PROJECTS": "for the administrator of the instance",
    "ca_service.governance.storage:_LIST_PROJECTS_AMONG": "binds the list of places a caller has",
    "ca_service.identity.lockouts.storage:_FORGET": _OVER_ALL,
    "ca_service.identity.storage:FIND_CLIENT_SECRET_ANYWHERE": _BEFORE_A_TENANT,
    "ca_service.identity.storage:FIND_IDENTITY_ANYWHERE": _BEFORE_A_TENANT,
    "ca_service.identity.token_storage:DELETE_ENDED_TOKENS": _OVER_ALL,
    "ca_service.identity.token_storage:FIND_ANY_TOKEN_OF": "the bootstrap token is no tenant's",
    "ca_service.identity.token_storage:FIND_TOKEN": _BEFORE_A_TENANT,
    "ca_service.identity.token_storage:LIST_TOKENS_OF": "the bootstrap token is no tenant's",
    "ca_service.x509.storage.authorities:_FIND_FIRST_ROOT": "the trust anchor that the instance publishes",
    "ca_service.x509.storage.authorities:_FIND_PUBLIC": _FOR_EVERYONE,
    "ca_service.x509.storage.channels:_LIST_ALL": _OVER_ALL,
    "ca_service.x509.storage.deliveries:_LIST_OLD": _OVER_ALL,
    "ca_service.x509.storage.expiring:_COUNT_CERTIFICATES": "counts for the administrator of the instance",
    "ca_service.x509.storage.expiring:_LIST_AUTHORITIES": "for the administrator of the instance",
    "ca_service.x509.storage.hashes:_LIST_UNFILLED": _OVER_ALL,
    "ca_service.x509.storage.kept_keys:_LIST_DUE": "found for all; each is renewed as its owner (S15)",
    "ca_service.x509.storage.refused_keys:_IS_CERTIFIABLE": _IN_ALL_PROJECTS,
    "ca_service.x509.storage.refused_keys:_IS_NOT_BLOCKED": _IN_ALL_PROJECTS,
    "ca_service.x509.storage.ocsp_responders:_LIST_CHOOSERS": _OVER_ALL,
    "ca_service.x509.storage.revocation_lists:_FIND_PUBLIC": _FOR_EVERYONE,
    "ca_service.x509.storage.revocation_lists:_FIND_PUBLIC_DER": _FOR_EVERYONE,
    "ca_service.x509.storage.revocation_lists:_FIND_PUBLIC_PART": _FOR_EVERYONE,
    "ca_service.x509.storage.revocation_lists:_FIND_PUBLIC_PART_DER": _FOR_EVERYONE,
    "ca_service.x509.storage.revocation_lists:_LIST_DUE": _OVER_ALL,
    "ca_service.x509.storage.revocation_lists:_LIST_DUE_PARTS": _OVER_ALL,
    "ca_service.x509.storage.revocation_lists:_RAISE_NUMBERS": _OVER_ALL,
    "ca_service.x509.storage.revocation_lists:_RAISE_NUMBERS_OF_PARTS": _OVER_ALL,
    "secrets_core.dynamic.storage.due_leases:_CLAIM": "found for all; each is ended in its project",
    "secrets_core.dynamic.storage.due_leases:_COUNT_LATE": "counts for the administrator of the instance",
    "secrets_core.dynamic.storage.due_leases:_HAS_DUE": _OVER_ALL,
    "secrets_core.dynamic.storage.due_leases:_RELEASE": "by the claim under which they were found",
    "secrets_core.kms.storage.keys:_LIST_DUE": _OVER_ALL,
    "ssh_ca.storage.authorities:_RAISE_EPOCH": _OVER_ALL,
    "ssh_ca.storage.revocation_lists:_LIST_DUE": _OVER_ALL,
}
#: Functions that make statements, each called once with all that it can be asked for.
MADE = {
    "ca_service.audit.storage:search_statement": lambda make: make(
        frozenset({"organization", "project", "caller", "action", "after", "before", "cursor_id"})
    ),
    "ca_service.identity.token_storage:insert_into": lambda make: make(
        load_all_tables().tables["identity_tokens"]
    ),
    "ca_service.x509.storage.imports:_search": lambda make: make(
        "-created_at",
        ("serial_number", "fingerprint", "key_hash", "expires_before", "imported", "below"),
        continues=True,
    ),
    "ca_service.x509.storage.inventory:_search": lambda make: make(
        "-created_at",
        ("serial_number", "profile", "authority", "expires_before", "revoked", "below-often", "among"),
        continues=True,
    ),
    "ca_service.x509.storage.inventory:_first_named": lambda make: make(
        "-created_at", NameMatch.BELOW, continues=True
    ),
    "ssh_ca.storage.certificates:_find_statement": lambda make: make(("serial_number", "authority")),
    "ssh_ca.storage.certificates:_list_statement": lambda make: make(
        ("key_id", "serial_number", "authority_name", "principal", "after"), None
    ),
    "ssh_ca.storage.certificates:_revoke_statement": lambda make: make(("key_id",)),
    "ssh_ca.storage.hosts:_list_statement": lambda make: make(True),
}


@cache
def tenant_tables() -> frozenset[str]:
    """Return the tables whose rows belong to a tenant."""
    return frozenset(load_all_tables().tables) - OF_THE_INSTANCE.keys()


@cache
def statements() -> tuple[NamedStatement, ...]:
    """Return every statement on a tenant's table."""
    everything = [*module_statements(), *(made(name, call) for name, call in MADE.items())]
    return tuple(statement for statement in everything if statement.tables & tenant_tables())


def is_bound(named: NamedStatement) -> bool:
    """Tell whether a statement binds the owner of every tenant's row it touches."""
    return all(
        named.binds(table, column)
        for table in named.tables & tenant_tables()
        for column in (("organization",) if table in OF_ORGANIZATIONS else OWNER)
    )


@pytest.mark.parametrize("table", sorted(tenant_tables()))
def test_every_row_of_a_tenant_says_whose_it_is(table: str) -> None:
    columns = load_all_tables().tables[table].columns
    wanted = ("organization",) if table in WITHOUT_A_PROJECT else OWNER
    assert [name for name in wanted if name not in columns or columns[name].nullable] == []


@pytest.mark.parametrize("table", sorted(tenant_tables()))
def test_what_a_row_refers_to_is_its_owners(table: str) -> None:
    constraints = load_all_tables().tables[table].foreign_key_constraints
    loose = [key.column_keys for key in constraints if not {*OWNER} <= {*key.column_keys}]
    assert loose == []


@pytest.mark.parametrize("table", sorted({*OF_THE_INSTANCE, *WITHOUT_A_PROJECT, *OF_ORGANIZATIONS}))
def test_every_exception_among_the_tables_exists(table: str) -> None:
    assert table in load_all_tables().tables


@pytest.mark.parametrize("named", statements(), ids=lambda named: named.name)
def test_every_statement_binds_whose_rows_it_means(named: NamedStatement) -> None:
    assert is_bound(named) is (named.name not in UNBOUND), named.statement


def test_every_exception_among_the_statements_exists() -> None:
    assert UNBOUND.keys() <= {named.name for named in statements()}


def test_every_statement_that_a_function_makes_is_looked_at() -> None:
    assert makers_of_statements() == MADE.keys()
