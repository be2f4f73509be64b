"""The door of dynamic secrets: our own API."""

from secrets_core.dynamic.http.dynamic_secrets import ROUTES as DYNAMIC_SECRET_ROUTES
from secrets_core.dynamic.http.leases import ROUTES as LEASE_ROUTES

ROUTES = (*DYNAMIC_SECRET_ROUTES, *LEASE_ROUTES)

__all__ = ["ROUTES"]
