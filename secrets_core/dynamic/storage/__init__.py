"""Tables and statements of dynamic secrets."""

from secrets_core.dynamic.storage.tables import DYNAMIC_SECRETS, LEASES, TARGETS

__all__ = ["DYNAMIC_SECRETS", "LEASES", "TARGETS"]
