"""What authorities publish, for everyone."""

from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from litestar import Response, post, route
from litestar.params import FromPath

from ca_service.kernel.errors import UnsupportedMediaTypeError
from ca_service.web.door import (
    PUBLIC,
    octets,
    read_body,
)
from ca_service.x509.artefacts import OCSP_RESPONSE, Artefact, Artefacts
from ca_service.x509.http.place import AnyRequest
from ca_service.x509.ocsp_requests import parse_request_in_path
from ca_service.x509.ocsp_responder import OcspResponder


def public_routes(artefacts: Artefacts, responder: OcspResponder) -> list[Any]:
    """Return the routes of what authorities publish: no token, every origin, cached (S21)."""

    @route("/pki/roots.pem", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def roots(request: AnyRequest) -> Response[bytes]:
        """Answer the trust anchors."""
        return _publish(request, await artefacts.roots())

    @route("/pki/{authority:str}/ca.der", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def certificate_der(request: AnyRequest, authority: FromPath[str]) -> Response[bytes]:
        """Answer an authority's certificate in DER."""
        return _publish(request, await artefacts.certificate_der(authority))

    @route("/pki/{authority:str}/ca.pem", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def certificate_pem(request: AnyRequest, authority: FromPath[str]) -> Response[bytes]:
        """Answer an authority's certificate in PEM."""
        return _publish(request, await artefacts.certificate_pem(authority))

    @route("/pki/{authority:str}/crl", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def revocation_list(request: AnyRequest, authority: FromPath[str]) -> Response[bytes]:
        """Answer an authority's CRL in DER."""
        return _publish(request, await artefacts.revocation_list(authority))

    @route("/pki/{authority:str}/crl/{part:str}", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def revocation_list_shard(
        request: AnyRequest, authority: FromPath[str], part: FromPath[str]
    ) -> Response[bytes]:
        """Answer a shard of an authority's CRL in DER."""
        return _publish(request, await artefacts.revocation_list(authority, part))

    @route("/pki/{authority:str}/ocsp/{asked:path}", http_method=["GET", "HEAD"], opt=PUBLIC)
    async def read_status(request: AnyRequest, authority: FromPath[str]) -> Response[bytes]:
        """Answer an OCSP request that stands in the address, in Base64 (RFC 6960 appendix A.1)."""
        # The router would join what stands between two slashes; Base64 may hold two in a row.
        asked = parse_request_in_path(request.scope["path"].partition("/ocsp/")[2])
        found = responder.malformed() if asked is None else await responder.answer(authority, asked)
        if found.artefact is not None:
            return _publish(request, found.artefact)
        headers = {"cache-control": "no-store", "access-control-allow-origin": "*"}
        return octets(found.body, media_type=OCSP_RESPONSE, headers=headers)

    @post("/pki/{authority:str}/ocsp", opt=PUBLIC)
    async def ask_status(request: AnyRequest, authority: FromPath[str]) -> Response[bytes]:
        """Answer an OCSP request."""
        essence = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if essence != "application/ocsp-request":
            detail = "Send the request in DER, with `Content-Type: application/ocsp-request`."
            raise UnsupportedMediaTypeError(detail)
        found = await responder.answer(authority, await read_body(request))
        return octets(found.body, media_type=OCSP_RESPONSE, headers={"access-control-allow-origin": "*"})

    return [
        roots,
        certificate_der,
        certificate_pem,
        revocation_list,
        revocation_list_shard,
        read_status,
        ask_status,
    ]


def _publish(request: AnyRequest, artefact: Artefact) -> Response[bytes]:
    headers = {
        "etag": artefact.etag,
        "last-modified": _http_date(artefact.last_modified),
        "cache-control": f"public, max-age={artefact.max_age}",
        "access-control-allow-origin": "*",
    }
    if artefact.expires is not None:
        headers["expires"] = _http_date(artefact.expires)
        headers["cache-control"] += ", no-transform, must-revalidate"
    wanted = request.headers.get("if-none-match")
    # Weak comparison, as RFC 9110 section 13.1.2 says.
    known = () if wanted is None else {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
    if artefact.etag in known or "*" in known:
        return octets(b"", media_type=artefact.media_type, headers=headers, status=304)
    return octets(artefact.body, media_type=artefact.media_type, headers=headers, current=artefact.current)


@lru_cache(maxsize=1024)
def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)
