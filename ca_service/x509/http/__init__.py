"""The door of the certificate authority: our own API, and the artefacts that are for everyone."""

from ca_service.x509.http.authorities import ROUTES as AUTHORITY_ROUTES
from ca_service.x509.http.authority_renewal import ROUTES as AUTHORITY_RENEWAL_ROUTES
from ca_service.x509.http.blocked_keys import ROUTES as BLOCKED_KEY_ROUTES
from ca_service.x509.http.certificates import ROUTES as CERTIFICATE_ROUTES
from ca_service.x509.http.channels import ROUTES as CHANNEL_ROUTES
from ca_service.x509.http.life import ROUTES as LIFE_ROUTES
from ca_service.x509.http.profiles import ROUTES as PROFILE_ROUTES
from ca_service.x509.http.published import public_routes
from ca_service.x509.http.publishing import ROUTES as PUBLISHING_ROUTES

PROJECT_ROUTES = (
    *CERTIFICATE_ROUTES,
    *LIFE_ROUTES,
    *CHANNEL_ROUTES,
    *AUTHORITY_ROUTES,
    *AUTHORITY_RENEWAL_ROUTES,
    *PROFILE_ROUTES,
    *PUBLISHING_ROUTES,
    *BLOCKED_KEY_ROUTES,
)

__all__ = ["PROJECT_ROUTES", "public_routes"]
