"""The routes by which authorities are certified: by themselves, by one another, and by those elsewhere."""

from litestar import Response, post
from litestar.params import FromPath

from ca_service.custody.algorithms import KeyAlgorithm
from ca_service.kernel.errors import MalformedError
from ca_service.web.door import answer, created, decode, perform, reads
from ca_service.x509.external_parents import parse_certificates_pem
from ca_service.x509.http.authorities import authority_place
from ca_service.x509.http.authority_bodies import (
    AuthorityBody,
    AuthorityRequestBody,
    CrossSignAuthorityBody,
    ImportAuthorityBody,
    RenewAuthorityBody,
    RollOverAuthorityBody,
    SignAuthorityBody,
    SwitchAuthorityBody,
    authority_body,
    parse_limits,
    request_body,
)
from ca_service.x509.http.certificate_bodies import CertificateBody, issued_body
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.words import parse_moment, parse_ttl, parse_word
from ca_service.x509.operations import (
    CrossSignAuthority,
    ImportAuthorityCertificate,
    RenewAuthority,
    RequestAuthorityCertificate,
    RollOverAuthority,
    SignAuthority,
    SwitchAuthority,
)
from ca_service.x509.requests import parse_csr_pem

_ONE = f"{BASE}/authorities/{{name:str}}"


@post(f"{_ONE}/csr", status_code=200)
async def request_authority_certificate(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityRequestBody]:
    """Answer the request by which an authority elsewhere certifies this one."""
    outcome = await perform(request, RequestAuthorityCertificate(project=project, name=name))
    return answer(outcome, request_body(outcome.answer))


@post(f"{_ONE}/import", opt=reads(ImportAuthorityBody), status_code=200)
async def import_authority_certificate(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Take the certificate that an authority elsewhere made for this one."""
    body = await decode(request, ImportAuthorityBody)
    first, *behind = parse_certificates_pem(body.certificate, field="certificate")
    chain = list(behind)
    for place, text in enumerate(body.chain):
        chain.extend(parse_certificates_pem(text, field=f"chain[{place}]"))
    operation = ImportAuthorityCertificate(
        project=project, name=name, certificate_der=first, chain=tuple(chain), is_alternate=body.alternate
    )
    outcome = await perform(request, operation)
    return answer(outcome, authority_body(outcome.answer))


@post(f"{_ONE}/sign", opt=reads(SignAuthorityBody))
async def sign_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[CertificateBody]:
    """Certify an authority elsewhere from its CSR."""
    body = await decode(request, SignAuthorityBody)
    operation = SignAuthority(
        project=project,
        name=name,
        csr_der=parse_csr_pem(body.csr),
        profile=body.profile,
        common_name=body.common_name,
        organization=body.organization,
        country=body.country,
        ttl=parse_ttl(body.ttl),
        not_after=parse_moment(body.not_after),
        limits=parse_limits(body),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/certificates/{outcome.answer.id}"
    return created(outcome, location, issued_body(outcome.answer))


@post(f"{_ONE}/renew", opt=reads(RenewAuthorityBody))
async def renew_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Renew an authority: with the same key, or with a new one that takes over at once."""
    body = await decode(request, RenewAuthorityBody)
    ttl, not_after = parse_ttl(body.ttl), parse_moment(body.not_after)
    operation: RenewAuthority | RollOverAuthority
    if body.new_key:
        operation = RollOverAuthority(
            project=project,
            name=name,
            successor=body.former,
            key_algorithm=_algorithm(body.key_algorithm),
            parent=body.parent,
            ttl=ttl,
            not_after=not_after,
            at_once=True,
        )
    else:
        for field in ("key_algorithm", "former"):
            if getattr(body, field) is not None:
                detail = f"{field} goes with a new key; send `new_key`: true, or leave it out."
                raise MalformedError(detail, field=field, rule="renewal-key")
        operation = RenewAuthority(
            project=project, name=name, parent=body.parent, ttl=ttl, not_after=not_after
        )
    outcome = await perform(request, operation)
    return created(outcome, authority_place(project, name), authority_body(outcome.answer))


@post(f"{_ONE}/cross-sign", opt=reads(CrossSignAuthorityBody))
async def cross_sign_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Have another authority sign this one too."""
    body = await decode(request, CrossSignAuthorityBody)
    operation = CrossSignAuthority(
        project=project,
        name=name,
        issuer=body.issuer,
        ttl=parse_ttl(body.ttl),
        not_after=parse_moment(body.not_after),
    )
    outcome = await perform(request, operation)
    return created(outcome, authority_place(project, name), authority_body(outcome.answer))


@post(f"{_ONE}/rollover", opt=reads(RollOverAuthorityBody))
async def roll_over_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Prepare the successor of an authority, and publish it."""
    body = await decode(request, RollOverAuthorityBody)
    operation = RollOverAuthority(
        project=project,
        name=name,
        successor=body.successor,
        key_algorithm=_algorithm(body.key_algorithm),
        key_store=body.key_store,
        parent=body.parent,
        common_name=body.common_name,
        ttl=parse_ttl(body.ttl),
        not_after=parse_moment(body.not_after),
    )
    outcome = await perform(request, operation)
    described = outcome.answer
    return created(outcome, authority_place(project, described.authority.name), authority_body(described))


@post(f"{_ONE}/switch", opt=reads(SwitchAuthorityBody), status_code=200)
async def switch_authority(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[AuthorityBody]:
    """Let the prepared successor take over the name."""
    body = await decode(request, SwitchAuthorityBody)
    outcome = await perform(request, SwitchAuthority(project=project, name=name, former=body.former))
    return answer(outcome, authority_body(outcome.answer))


def _algorithm(word: str | None) -> KeyAlgorithm | None:
    if word is None:
        return None
    return parse_word(KeyAlgorithm, word, field="key_algorithm", rule="key-algorithm")


ROUTES = (
    request_authority_certificate,
    import_authority_certificate,
    sign_authority,
    renew_authority,
    cross_sign_authority,
    roll_over_authority,
    switch_authority,
)
