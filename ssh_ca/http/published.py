"""The routes of what authorities publish for everyone: public keys and revocation lists."""

from email.utils import format_datetime
from typing import Any

from litestar import Response, route
from litestar.params import FromPath

from ca_service.kernel.errors import NotFoundError
from ca_service.web.door import PUBLIC, octets
from ssh_ca.artefacts import Artefacts, PublishedList
from ssh_ca.http.place import AnyRequest


def public_routes(artefacts: Artefacts) -> list[Any]:
    """Return the routes of what authorities publish: no token, every origin."""

    async def publish(path: str) -> Response[bytes]:
        media_type, body, headers = await artefacts(path)
        return octets(body, media_type=media_type, headers=headers)

    @route("/ssh/{project:str}/user-ca.pub", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def user_authority_keys(project: FromPath[str]) -> Response[bytes]:
        """Answer the keys that vouch for users, for `TrustedUserCAKeys`."""
        return await publish(f"{project}/user-ca.pub")

    @route("/ssh/{project:str}/host-ca.pub", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def host_authority_keys(project: FromPath[str]) -> Response[bytes]:
        """Answer the keys that vouch for hosts, for `@cert-authority` in known_hosts."""
        return await publish(f"{project}/host-ca.pub")

    @route("/ssh/{project:str}/krl", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def key_revocation_list(request: AnyRequest, project: FromPath[str]) -> Response[bytes]:
        """Answer a project's key revocation list, for `RevokedKeys`."""
        found = await artefacts.revocation_list(project)
        return _fresh(request, found, found.content, "application/octet-stream")

    @route("/ssh/{project:str}/krl.sig", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def key_revocation_list_signature(request: AnyRequest, project: FromPath[str]) -> Response[bytes]:
        """Answer the signature over that list, for `ssh-keygen -Y verify`."""
        found = await artefacts.revocation_list(project)
        if not found.signature:
            raise NotFoundError("signature")
        return _fresh(request, found, found.signature, "text/plain")

    return [user_authority_keys, host_authority_keys, key_revocation_list, key_revocation_list_signature]


def _fresh(request: AnyRequest, found: PublishedList, body: bytes, media_type: str) -> Response[bytes]:
    # A cache asks us each time: a revocation is told at once. If-Modified-Since is not answered, because two
    # lists may be of one second (RFC 9110 section 8.8.2.2).
    headers = {
        "etag": found.etag,
        "last-modified": format_datetime(found.last_modified, usegmt=True),
        "cache-control": "public, no-cache",
        "access-control-allow-origin": "*",
    }
    # Weak comparison, as RFC 9110 section 13.1.2 says.
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if found.etag in known or "*" in known:
        return octets(b"", media_type=media_type, headers=headers, status=304)
    return octets(body, media_type=media_type, headers=headers)
