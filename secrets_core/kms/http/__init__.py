"""The door of the KMS."""

from secrets_core.kms.http.keys import ROUTES as KEY_ROUTES
from secrets_core.kms.http.uses import ROUTES as USE_ROUTES

ROUTES = (*KEY_ROUTES, *USE_ROUTES)

__all__ = ["ROUTES"]
