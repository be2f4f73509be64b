"""The tables of the SSH authority and every statement on them."""

from ssh_ca.storage.host_tables import HOST_GROUPS, HOST_TOKENS, HOSTS, LOGIN_MAPPINGS
from ssh_ca.storage.tables import (
    AUTHORITIES,
    CERTIFICATES,
    PRINCIPALS,
    PROFILES,
    REVOCATION_LISTS,
    REVOCATIONS,
)

__all__ = [
    "AUTHORITIES",
    "CERTIFICATES",
    "HOSTS",
    "HOST_GROUPS",
    "HOST_TOKENS",
    "LOGIN_MAPPINGS",
    "PRINCIPALS",
    "PROFILES",
    "REVOCATIONS",
    "REVOCATION_LISTS",
]
