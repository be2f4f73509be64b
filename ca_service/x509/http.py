"""The door of the certificate authority: our own API, and the artefacts that are for everyone."""

from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

import msgspec
from litestar import Request, Response, get, patch, post, route
from litestar.params import FromPath

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.errors import MalformedError, UnsupportedMediaTypeError
from ca_service.web.door import (
    PUBLIC,
    Page,
    answer,
    created,
    decode,
    octets,
    page,
    parse_page,
    perform,
    read_body,
    reads,
)
from ca_service.x509.artefacts import OCSP_RESPONSE, Artefact, Artefacts
from ca_service.x509.authorities import AuthorityStatus
from ca_service.x509.bodies import (
    AuthorityBody,
    CertificateBody,
    CreateAuthorityBody,
    CreateProfileBody,
    IssueBody,
    ProfileBody,
    RenewBody,
    RevokeBody,
    UpdateAuthorityBody,
    UpdateProfileBody,
    authority_body,
    certificate_body,
    issued_body,
    parse_issue_request,
    parse_pointers,
    parse_settings,
    parse_ttl,
    parse_word,
    profile_body,
)
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.ocsp_requests import parse_request_in_path
from ca_service.x509.ocsp_responder import OcspResponder
from ca_service.x509.operations import (
    CertificateFilter,
    CreateAuthority,
    CreateProfile,
    IssueCertificate,
    ListAuthorities,
    ListCertificates,
    ListProfiles,
    ProfileChanges,
    ReadAuthority,
    ReadCertificate,
    ReadProfile,
    RenewCertificate,
    RevokeCertificate,
    UpdateAuthority,
    UpdateProfile,
)
from ca_service.x509.profiles import ProfileStatus
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.requests import parse_csr_pem

AnyRequest = Request[Any, Any, Any]

_BASE = "/v1/projects/{project:str}/x509"
_FILTERS = frozenset(
    {
        "serial_number",
        "status",
        "name",
        "profile",
        "authority",
        "expires_before",
        "order_by",
        "limit",
        "cursor",
    }
)


@post(f"{_BASE}/certificates", opt=reads(IssueBody))
async def issue_certificate(request: AnyRequest, project: FromPath[str]) -> Response[CertificateBody]:
    """Issue a certificate from a CSR, or with a key made here."""
    body = await decode(request, IssueBody)
    operation = IssueCertificate(
        project=project,
        profile=body.profile,
        authority=body.authority,
        request=parse_issue_request(body),
        ttl=parse_ttl(body.ttl),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/certificates/{outcome.answer.id}"
    return created(outcome, location, issued_body(outcome.answer))


@get(f"{_BASE}/certificates")
async def list_certificates(request: AnyRequest, project: FromPath[str]) -> Response[Page[CertificateBody]]:
    """List the inventory; `name` is exact, `*.example.com` or `example.*`."""
    query = request.query_params
    for name in query:
        if name not in _FILTERS:
            detail = f"There is no filter of that name; use {', '.join(sorted(_FILTERS))}."
            raise MalformedError(detail, field=name[:64], rule="unknown_parameter")
    limit, cursor = parse_page(request)
    operation = ListCertificates(
        project=project,
        filter=CertificateFilter(
            serial_number=query.get("serial_number"),
            status=_status(query.get("status")),
            name=query.get("name"),
            profile=query.get("profile"),
            authority=query.get("authority"),
            expires_before=_moment(query.get("expires_before")),
        ),
        order_by=query.get("order_by", "-created_at"),
        limit=limit,
        cursor=cursor,
    )
    outcome = await perform(request, operation)
    items = [certificate_body(listed) for listed in outcome.answer.items]
    return answer(outcome, page(items, outcome.answer.next_cursor))


@get(f"{_BASE}/certificates/{{certificate:str}}")
async def read_certificate(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Read one certificate."""
    outcome = await perform(request, ReadCertificate(project=project, certificate=certificate))
    return answer(outcome, certificate_body(outcome.answer))


@post(f"{_BASE}/certificates/{{certificate:str}}/revoke", opt=reads(RevokeBody))
async def revoke_certificate(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Revoke a certificate for good; again changes nothing."""
    body = await decode(request, RevokeBody)
    reason = parse_word(RevocationReason, body.reason, field="reason", rule="revocation-reason")
    outcome = await perform(
        request, RevokeCertificate(project=project, certificate=certificate, reason=reason)
    )
    return answer(outcome, certificate_body(outcome.answer))


@post(f"{_BASE}/certificates/{{certificate:str}}/renew", opt=reads(RenewBody))
async def renew_certificate(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Issue a certificate for the names of another."""
    body = await decode(request, RenewBody)
    csr_der = None if body.csr is None else parse_csr_pem(body.csr)
    outcome = await perform(
        request, RenewCertificate(project=project, certificate=certificate, csr_der=csr_der)
    )
    location = f"/v1/projects/{project}/x509/certificates/{outcome.answer.id}"
    return created(outcome, location, issued_body(outcome.answer))


@get(f"{_BASE}/authorities")
async def list_authorities(request: AnyRequest, project: FromPath[str]) -> Response[Page[AuthorityBody]]:
    """List the authorities, roots first."""
    outcome = await perform(request, ListAuthorities(project=project))
    return answer(outcome, page([authority_body(described) for described in outcome.answer], None))


@post(f"{_BASE}/authorities", opt=reads(CreateAuthorityBody))
async def create_authority(request: AnyRequest, project: FromPath[str]) -> Response[AuthorityBody]:
    """Make an authority with a key of its own."""
    body = await decode(request, CreateAuthorityBody)
    operation = CreateAuthority(
        project=project,
        name=body.name,
        parent=body.parent,
        key_algorithm=parse_word(
            KeyAlgorithm, body.key_algorithm, field="key_algorithm", rule="key-algorithm"
        ),
        common_name=body.common_name,
        ttl=parse_ttl(body.ttl),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/authorities/{outcome.answer.authority.name}"
    return created(outcome, location, authority_body(outcome.answer))


@get(f"{_BASE}/authorities/{{name:str}}")
async def read_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Read one authority."""
    outcome = await perform(request, ReadAuthority(project=project, name=name))
    return answer(outcome, authority_body(outcome.answer))


@patch(f"{_BASE}/authorities/{{name:str}}", opt=reads(UpdateAuthorityBody))
async def update_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Enable or disable an authority."""
    body = await decode(request, UpdateAuthorityBody)
    status = parse_word(AuthorityStatus, body.status, field="status", rule="authority-status")
    outcome = await perform(request, UpdateAuthority(project=project, name=name, status=status))
    return answer(outcome, authority_body(outcome.answer))


@get(f"{_BASE}/profiles")
async def list_profiles(request: AnyRequest, project: FromPath[str]) -> Response[Page[ProfileBody]]:
    """List the profiles."""
    outcome = await perform(request, ListProfiles(project=project))
    return answer(outcome, page([profile_body(profile) for profile in outcome.answer], None))


@post(f"{_BASE}/profiles", opt=reads(CreateProfileBody))
async def create_profile(request: AnyRequest, project: FromPath[str]) -> Response[ProfileBody]:
    """Make a profile."""
    body = await decode(request, CreateProfileBody)
    operation = CreateProfile(project=project, name=body.name, settings=parse_settings(body))
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/profiles/{outcome.answer.name}"
    return created(outcome, location, profile_body(outcome.answer))


@get(f"{_BASE}/profiles/{{name:str}}")
async def read_profile(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ProfileBody]:
    """Read one profile."""
    outcome = await perform(request, ReadProfile(project=project, name=name))
    return answer(outcome, profile_body(outcome.answer))


@patch(f"{_BASE}/profiles/{{name:str}}", opt=reads(UpdateProfileBody))
async def update_profile(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ProfileBody]:
    """Change a profile."""
    body = await decode(request, UpdateProfileBody)
    status = body.status
    changes = ProfileChanges(
        status=None
        if status is None
        else parse_word(ProfileStatus, status, field="status", rule="profile-status"),
        authority=body.authority,
        authorities=None if body.authorities is None else tuple(body.authorities),
        default_ttl=parse_ttl(body.default_ttl, field="default_ttl"),
        max_ttl=parse_ttl(body.max_ttl, field="max_ttl"),
        allows_wildcards=body.allows_wildcards,
        allows_other_common_name=body.allows_other_common_name,
        revocation_pointers=None
        if body.revocation_pointers is None
        else parse_pointers(body.revocation_pointers),
    )
    outcome = await perform(request, UpdateProfile(project=project, name=name, changes=changes))
    return answer(outcome, profile_body(outcome.answer))


PROJECT_ROUTES = (
    issue_certificate,
    list_certificates,
    read_certificate,
    revoke_certificate,
    renew_certificate,
    list_authorities,
    create_authority,
    read_authority,
    update_authority,
    list_profiles,
    create_profile,
    read_profile,
    update_profile,
)


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

    return [roots, certificate_der, certificate_pem, revocation_list, read_status, ask_status]


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
    return octets(artefact.body, media_type=artefact.media_type, headers=headers)


@lru_cache(maxsize=1024)
def _http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _status(text: str | None) -> CertificateStatus | None:
    if text is None:
        return None
    try:
        return CertificateStatus(text)
    except ValueError as error:
        detail = f"status is one of {', '.join(CertificateStatus)}."
        raise MalformedError(detail, field="status", rule="choice") from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        # A plus sign in a query string is a space to everybody who decodes it.
        moment = msgspec.convert(text.replace(" ", "+"), datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        detail = "expires_before is a time as RFC 3339 writes it: 2026-12-31T00:00:00Z."
        raise MalformedError(detail, field="expires_before", rule="time")
    return moment
