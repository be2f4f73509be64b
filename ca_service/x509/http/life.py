"""The routes of kept keys, mass revocations and imports."""

from litestar import Response, get, post
from litestar.params import FromPath

from ca_service.web.door import answer, created, decode, perform, reads
from ca_service.x509.http.certificate_bodies import CertificateBody, import_body
from ca_service.x509.http.life_bodies import (
    CountBody,
    ImportBody,
    ImportedBody,
    KeyBody,
    MassRevocationBody,
    ReadKeyBody,
    RevokedSerialBody,
    RevokeManyBody,
    RevokeUnknownBody,
    count_body,
    imported_body,
    key_body,
    mass_revocation_body,
    parse_selection,
    revoked_serial_body,
)
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.words import parse_word
from ca_service.x509.operations.imports import ImportCertificate, ReadImport
from ca_service.x509.operations.kept_keys import ReadKeptKey
from ca_service.x509.operations.mass_revocations import CountRevocation, ReadRevocation, StartRevocation
from ca_service.x509.operations.unknown_certificates import RevokeUnknownCertificate
from ca_service.x509.pkcs12_passwords import parse_pkcs12_password
from ca_service.x509.reasons import RevocationReason


@post(f"{BASE}/certificates/{{certificate:str}}/key", opt=reads(ReadKeyBody))
async def read_kept_key(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[KeyBody]:
    """Read the private key that is kept for a certificate."""
    body = await decode(request, ReadKeyBody)
    operation = ReadKeptKey(
        project=project,
        certificate=certificate,
        pkcs12_password=parse_pkcs12_password(body.pkcs12_password),
    )
    outcome = await perform(request, operation)
    return answer(outcome, key_body(outcome.answer))


@post(f"{BASE}/certificates/revoke", opt=reads(RevokeManyBody))
async def revoke_many(
    request: AnyRequest, project: FromPath[str]
) -> Response[CountBody] | Response[MassRevocationBody]:
    """Count what an identity, key, profile or authority has; with `expected_count`, revoke it all."""
    body = await decode(request, RevokeManyBody)
    selector, value = parse_selection(body)
    reason = parse_word(RevocationReason, body.reason, field="reason", rule="revocation-reason")
    if body.expected_count is None:
        counted = await perform(request, CountRevocation(project=project, selector=selector, value=value))
        return answer(counted, count_body(counted.answer))
    operation = StartRevocation(
        project=project,
        selector=selector,
        value=value,
        expected_count=body.expected_count,
        reason=reason,
    )
    started = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/revocations/{started.answer.id}"
    return created(started, location, mass_revocation_body(started.answer))


@post(f"{BASE}/authorities/{{authority:str}}/revocations", opt=reads(RevokeUnknownBody))
async def revoke_unknown(
    request: AnyRequest, project: FromPath[str], authority: FromPath[str]
) -> Response[RevokedSerialBody]:
    """Revoke a serial number that the inventory does not have."""
    body = await decode(request, RevokeUnknownBody)
    operation = RevokeUnknownCertificate(
        project=project,
        authority=authority,
        serial_number=body.serial_number,
        reason=parse_word(RevocationReason, body.reason, field="reason", rule="revocation-reason"),
    )
    outcome = await perform(request, operation)
    return answer(outcome, revoked_serial_body(outcome.answer))


@get(f"{BASE}/revocations/{{revocation:str}}")
async def read_revocation(
    request: AnyRequest, project: FromPath[str], revocation: FromPath[str]
) -> Response[MassRevocationBody]:
    """Read how far a mass revocation came."""
    outcome = await perform(request, ReadRevocation(project=project, revocation=revocation))
    return answer(outcome, mass_revocation_body(outcome.answer))


@post(f"{BASE}/certificates/import", opt=reads(ImportBody))
async def import_certificate(request: AnyRequest, project: FromPath[str]) -> Response[ImportedBody]:
    """Take a certificate into the inventory that was issued elsewhere."""
    body = await decode(request, ImportBody)
    operation = ImportCertificate(
        project=project, certificate_pem=body.certificate, chain_pem=tuple(body.chain)
    )
    outcome = await perform(request, operation)
    place = "certificates" if outcome.answer.is_own else "imports"
    location = f"/v1/projects/{project}/x509/{place}/{outcome.answer.id}"
    return created(outcome, location, imported_body(outcome.answer))


@get(f"{BASE}/imports/{{certificate:str}}")
async def read_import(
    request: AnyRequest, project: FromPath[str], certificate: FromPath[str]
) -> Response[CertificateBody]:
    """Read one imported certificate."""
    outcome = await perform(request, ReadImport(project=project, certificate=certificate))
    return answer(outcome, import_body(outcome.answer))


ROUTES = (
    read_kept_key,
    revoke_many,
    revoke_unknown,
    read_revocation,
    import_certificate,
    read_import,
)
