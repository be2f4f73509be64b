"""The door of the SSH authority: our own API, and the public keys and revocation lists for everyone."""

from email.utils import format_datetime
from typing import Any

from litestar import Request, Response, get, post, route
from litestar.params import FromPath

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.errors import MalformedError, NotFoundError
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
    reads,
)
from ca_service.web.durations import parse_duration
from ssh_ca.artefacts import Artefacts, PublishedList
from ssh_ca.bodies import (
    AuthorityBody,
    CertificateBody,
    CreateAuthorityBody,
    CreateProfileBody,
    IssueBody,
    IssuedBody,
    ProfileBody,
    RevokeBody,
    RevokedBody,
    authority_body,
    certificate_body,
    issued_body,
    parse_selector,
    parse_serial_number,
    parse_settings,
    parse_word,
    profile_body,
)
from ssh_ca.certificates import CertificateStatus, CertificateType
from ssh_ca.operations import (
    CreateSshAuthority,
    CreateSshProfile,
    IssueSshCertificate,
    ListSshAuthorities,
    ListSshCertificates,
    ListSshProfiles,
    ReadSshCertificate,
    ReadSshProfile,
    RevokeSshCertificates,
    SshCertificateFilter,
)

AnyRequest = Request[Any, Any, Any]

_BASE = "/v1/projects/{project:str}/ssh"
_FILTERS = frozenset({"key_id", "principal", "serial_number", "status", "authority", "limit", "cursor"})


@post(f"{_BASE}/certificates", opt=reads(IssueBody))
async def issue_ssh_certificate(request: AnyRequest, project: FromPath[str]) -> Response[IssuedBody]:
    """Certify a public key for principals."""
    body = await decode(request, IssueBody)
    operation = IssueSshCertificate(
        project=project,
        profile=body.profile,
        public_key=body.public_key,
        principals=body.principals,
        ttl=None if body.ttl is None else parse_duration(body.ttl, field="ttl"),
        key_id=body.key_id,
        critical_options=body.critical_options,
        extensions=body.extensions,
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/ssh/certificates/{outcome.answer.id}"
    return created(outcome, location, issued_body(outcome.answer))


@get(f"{_BASE}/certificates")
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


@get(f"{_BASE}/certificates/{{certificate:str}}")
async def read_ssh_certificate(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Read one certificate, its line included."""
    outcome = await perform(request, ReadSshCertificate(project=project, certificate=certificate))
    return answer(outcome, certificate_body(*outcome.answer))


@post(f"{_BASE}/certificates/revoke", opt=reads(RevokeBody), status_code=200)
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


@get(f"{_BASE}/authorities")
async def list_ssh_authorities(request: AnyRequest, project: FromPath[str]) -> Response[Page[AuthorityBody]]:
    """List the authorities."""
    outcome = await perform(request, ListSshAuthorities(project=project))
    return answer(outcome, page([authority_body(authority) for authority in outcome.answer], None))


@post(f"{_BASE}/authorities", opt=reads(CreateAuthorityBody))
async def create_ssh_authority(request: AnyRequest, project: FromPath[str]) -> Response[AuthorityBody]:
    """Make an authority with a key of its own."""
    body = await decode(request, CreateAuthorityBody)
    operation = CreateSshAuthority(
        project=project,
        name=body.name,
        type=parse_word(CertificateType, body.type, field="type"),
        key_algorithm=parse_word(KeyAlgorithm, body.key_algorithm, field="key_algorithm"),
    )
    outcome = await perform(request, operation)
    return created(outcome, f"/v1/projects/{project}/ssh/authorities", authority_body(outcome.answer))


@get(f"{_BASE}/profiles")
async def list_ssh_profiles(request: AnyRequest, project: FromPath[str]) -> Response[Page[ProfileBody]]:
    """List the profiles."""
    outcome = await perform(request, ListSshProfiles(project=project))
    return answer(outcome, page([profile_body(profile) for profile in outcome.answer], None))


@post(f"{_BASE}/profiles", opt=reads(CreateProfileBody))
async def create_ssh_profile(request: AnyRequest, project: FromPath[str]) -> Response[ProfileBody]:
    """Make a profile over an authority of the same type."""
    body = await decode(request, CreateProfileBody)
    operation = CreateSshProfile(
        project=project,
        name=body.name,
        type=parse_word(CertificateType, body.type, field="type"),
        settings=parse_settings(body),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/ssh/profiles/{outcome.answer.name}"
    return created(outcome, location, profile_body(outcome.answer))


@get(f"{_BASE}/profiles/{{name:str}}")
async def read_ssh_profile(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ProfileBody]:
    """Read one profile."""
    outcome = await perform(request, ReadSshProfile(project=project, name=name))
    return answer(outcome, profile_body(outcome.answer))


PROJECT_ROUTES = (
    issue_ssh_certificate,
    list_ssh_certificates,
    read_ssh_certificate,
    revoke_ssh_certificates,
    list_ssh_authorities,
    create_ssh_authority,
    list_ssh_profiles,
    create_ssh_profile,
    read_ssh_profile,
)


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
