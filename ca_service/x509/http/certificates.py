"""The routes of certificates."""

from datetime import datetime

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from ca_service.kernel.errors import MalformedError
from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    page,
    parse_page,
    perform,
    reads,
)
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.http.certificate_bodies import (
    CertificateBody,
    IssueBody,
    RenewBody,
    RevokeBody,
    certificate_body,
    issued_body,
    listed_body,
    parse_issue_request,
)
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.words import parse_ttl, parse_word
from ca_service.x509.operations import (
    CertificateFilter,
    IssueCertificate,
    ListCertificates,
    ReadCertificate,
    RenewCertificate,
    RevokeCertificate,
)
from ca_service.x509.pkcs12_passwords import parse_pkcs12_password
from ca_service.x509.reasons import RevocationReason
from ca_service.x509.requests import parse_csr_pem

_FILTERS = frozenset(
    {
        "serial_number",
        "status",
        "name",
        "profile",
        "authority",
        "expires_before",
        "expires_after",
        "fingerprint",
        "key_hash",
        "order_by",
        "limit",
        "cursor",
    }
)


@post(f"{BASE}/certificates", opt=reads(IssueBody))
async def issue_certificate(request: AnyRequest, project: FromPath[str]) -> Response[CertificateBody]:
    """Issue a certificate from a CSR, or with a key made here."""
    body = await decode(request, IssueBody)
    operation = IssueCertificate(
        project=project,
        profile=body.profile,
        authority=body.authority,
        request=parse_issue_request(body),
        ttl=parse_ttl(body.ttl),
        pkcs12_password=parse_pkcs12_password(body.pkcs12_password),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/certificates/{outcome.answer.id}"
    return created(outcome, location, issued_body(outcome.answer))


@get(f"{BASE}/certificates")
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
            expires_before=_moment(query.get("expires_before"), "expires_before"),
            expires_after=_moment(query.get("expires_after"), "expires_after"),
            fingerprint=query.get("fingerprint"),
            key_hash=query.get("key_hash"),
        ),
        order_by=query.get("order_by", _order_of(query.get("status"))),
        limit=limit,
        cursor=cursor,
    )
    outcome = await perform(request, operation)
    items = [listed_body(listed) for listed in outcome.answer.items]
    return answer(outcome, page(items, outcome.answer.next_cursor))


@get(f"{BASE}/certificates/{{certificate:str}}")
async def read_certificate(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Read one certificate."""
    outcome = await perform(request, ReadCertificate(project=project, certificate=certificate))
    return answer(outcome, certificate_body(outcome.answer))


@post(f"{BASE}/certificates/{{certificate:str}}/revoke", opt=reads(RevokeBody))
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


@post(f"{BASE}/certificates/{{certificate:str}}/renew", opt=reads(RenewBody))
async def renew_certificate(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Issue a certificate for the names of another."""
    body = await decode(request, RenewBody)
    operation = RenewCertificate(
        project=project,
        certificate=certificate,
        csr_der=None if body.csr is None else parse_csr_pem(body.csr),
        same_key=body.same_key,
        pkcs12_password=parse_pkcs12_password(body.pkcs12_password),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/certificates/{outcome.answer.id}"
    return created(outcome, location, issued_body(outcome.answer))


def _status(text: str | None) -> CertificateStatus | None:
    if text is None:
        return None
    try:
        return CertificateStatus(text)
    except ValueError as error:
        detail = f"status is one of {', '.join(CertificateStatus)}."
        raise MalformedError(detail, field="status", rule="choice") from error


def _order_of(status: str | None) -> str:
    """Return the order of a list that asks for none: the latest birth first, or the latest end.

    What has ended is in the order of ends in one place, and by births behind everything that is valid.
    """
    return "-not_after" if status == CertificateStatus.EXPIRED.value else "-created_at"


def _moment(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        # A plus sign in a query string is a space to everybody who decodes it.
        moment = msgspec.convert(text.replace(" ", "+"), datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        detail = f"{field} is a time as RFC 3339 writes it: 2026-12-31T00:00:00Z."
        raise MalformedError(detail, field=field, rule="time")
    return moment


ROUTES = (
    issue_certificate,
    list_certificates,
    read_certificate,
    revoke_certificate,
    renew_certificate,
)
