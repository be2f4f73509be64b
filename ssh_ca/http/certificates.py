"""The routes of certificates."""

from litestar import Response, get, post
from litestar.params import FromPath

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.errors import MalformedError
from ca_service.web.door import Page, answer, created, decode, page, parse_page, perform, reads
from ca_service.web.durations import parse_duration
from ssh_ca.certificates import CertificateStatus
from ssh_ca.http.certificate_bodies import (
    CertificateBody,
    IssueBody,
    IssuedBody,
    certificate_body,
    issued_body,
    parse_serial_number,
)
from ssh_ca.http.place import BASE, AnyRequest
from ssh_ca.http.revocation_bodies import RevokeBody, RevokedBody, parse_selector
from ssh_ca.http.words import parse_word
from ssh_ca.operations import (
    IssueSshCertificate,
    ListSshCertificates,
    ReadSshCertificate,
    RevokeSshCertificates,
    SshCertificateFilter,
)

_FILTERS = frozenset({"key_id", "principal", "serial_number", "status", "authority", "limit", "cursor"})


@post(f"{BASE}/certificates", opt=reads(IssueBody))
async def issue_ssh_certificate(request: AnyRequest, project: FromPath[str]) -> Response[IssuedBody]:
    """Certify a public key for principals; without one, make a pair."""
    body = await decode(request, IssueBody)
    if body.public_key is None and body.key_algorithm is None:
        raise MalformedError(
            "Send the public_key to certify, or a key_algorithm to have a pair made.",
            field="public_key",
            rule="required",
        )
    operation = IssueSshCertificate(
        project=project,
        profile=body.profile,
        public_key=body.public_key,
        key_algorithm=None
        if body.key_algorithm is None
        else parse_word(KeyAlgorithm, body.key_algorithm, field="key_algorithm"),
        principals=body.principals,
        ttl=None if body.ttl is None else parse_duration(body.ttl, field="ttl"),
        key_id=body.key_id,
        critical_options=body.critical_options,
        extensions=body.extensions,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/ssh/certificates/{outcome.answer.id}"
    return created(outcome, location, issued_body(outcome.answer))


@get(f"{BASE}/certificates")
async def list_ssh_certificates(
    request: AnyRequest, project: FromPath[str]
) -> Response[Page[CertificateBody]]:
    """List the inventory, newest first."""
    query = request.query_params
    for name in query:
        if name not in _FILTERS:
            detail = f"There is no filter of that name; use {', '.join(sorted(_FILTERS))}."
            raise MalformedError(detail, field=name[:64], rule="unknown_parameter")
    limit, after = parse_page(request)
    serial_number, status = query.get("serial_number"), query.get("status")
    wanted = SshCertificateFilter(
        key_id=query.get("key_id"),
        principal=query.get("principal"),
        serial_number=None if serial_number is None else parse_serial_number(serial_number),
        status=None if status is None else parse_word(CertificateStatus, status, field="status"),
        authority=query.get("authority"),
    )
    outcome = await perform(
        request, ListSshCertificates(project=project, filter=wanted, limit=limit, after=after)
    )
    items = [certificate_body(listed) for listed in outcome.answer.items]
    return answer(outcome, page(items, outcome.answer.next_key))


@get(f"{BASE}/certificates/{{certificate:str}}")
async def read_ssh_certificate(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Read one certificate, its line included."""
    outcome = await perform(request, ReadSshCertificate(project=project, certificate=certificate))
    return answer(outcome, certificate_body(*outcome.answer))


@post(f"{BASE}/certificates/revoke", opt=reads(RevokeBody), status_code=200)
async def revoke_ssh_certificates(request: AnyRequest, project: FromPath[str]) -> Response[RevokedBody]:
    """Revoke certificates for good; again changes nothing."""
    body = await decode(request, RevokeBody)
    outcome = await perform(request, RevokeSshCertificates(project=project, selector=parse_selector(body)))
    revoked = RevokedBody(
        revoked_at=outcome.answer.revoked_at,
        items=tuple(certificate_body(listed) for listed in outcome.answer.certificates),
        serial_number=None if body.serial_number is None else str(body.serial_number),
        authority=body.authority,
        key_id=body.key_id,
        public_key=body.public_key,
        identity=body.identity,
        newly_revoked=outcome.answer.newly_revoked,
    )
    return answer(outcome, revoked)


ROUTES = (issue_ssh_certificate, list_ssh_certificates, read_ssh_certificate, revoke_ssh_certificates)
