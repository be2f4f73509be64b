"""The door of the certificate authority: our own API, and the artefacts that are for everyone."""

from ca_service.x509.http.authorities import ROUTES as AUTHORITY_ROUTES
from ca_service.x509.http.certificates import ROUTES as CERTIFICATE_ROUTES
from ca_service.x509.http.profiles import ROUTES as PROFILE_ROUTES
from ca_service.x509.http.published import public_routes

PROJECT_ROUTES = (*CERTIFICATE_ROUTES, *AUTHORITY_ROUTES, *PROFILE_ROUTES)

__all__ = ["PROJECT_ROUTES", "public_routes"]
