"""The door of the SSH authority: our own API, and the public keys and revocation lists for everyone."""

from ssh_ca.http.authorities import ROUTES as AUTHORITY_ROUTES
from ssh_ca.http.certificates import ROUTES as CERTIFICATE_ROUTES
from ssh_ca.http.host_door import host_routes
from ssh_ca.http.hosts import ROUTES as HOST_ROUTES
from ssh_ca.http.profiles import ROUTES as PROFILE_ROUTES
from ssh_ca.http.published import public_routes

PROJECT_ROUTES = (*CERTIFICATE_ROUTES, *AUTHORITY_ROUTES, *PROFILE_ROUTES)

__all__ = ["HOST_ROUTES", "PROJECT_ROUTES", "host_routes", "public_routes"]
