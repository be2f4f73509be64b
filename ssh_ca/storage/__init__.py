"""The tables of the SSH authority and every statement on them."""

from ssh_ca.storage.tables import (
    AUTHORITIES,
    CERTIFICATES,
    PRINCIPALS,
    PROFILES,
    REVOCATION_LISTS,
    REVOCATIONS,
)

__all__ = ["AUTHORITIES", "CERTIFICATES", "PRINCIPALS", "PROFILES", "REVOCATIONS", "REVOCATION_LISTS"]
