"""newOrder, order, finalize, authz, challenge, certificate and revokeCert (RFC 8555 sections 7.4 to 7.6)."""

from typing import Any

from acme.callers import key_caller
from acme.challenges import ChallengeStatus
from acme.errors import BadCsrError, BadRevocationReasonError, InvalidProfileError, OrderAdvancedError
from acme.http.visit import RETRY_AFTER, Answer, Visit, link
from acme.identifiers import parse_identifiers
from acme.operations import (
    CreateOrder,
    DeactivateAuthorization,
    FinalizeOrder,
    ReadAuthorization,
    ReadChallenge,
    ReadOrder,
    RespondToChallenge,
    RevokeIssued,
)
from acme.orders import OrderStatus, OrderView
from acme.wire import base64url
from acme.wire.messages import (
    authorization_document,
    challenge_document,
    encode,
    is_processing,
    order_document,
)
from ca_service.kernel.errors import MalformedError, NotFoundError
from ca_service.web.door import throttle
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.operations import ReadCertificate

_RETRY = ("retry-after", RETRY_AFTER)


async def new_order(visit: Visit) -> Answer:
    """Take an order."""
    throttle(visit.request, "newOrder")
    payload = visit.signer.jws.read_payload()
    for field in ("notBefore", "notAfter"):
        if payload.get(field) is not None:
            raise MalformedError(
                f"`{field}` is not honoured here: leave it out, the directory's profile sets it.", field=field
            )
    if payload.get("profile", visit.directory.profile) != visit.directory.profile:
        raise InvalidProfileError(
            f"This directory issues from the profile `{visit.directory.profile}` only.", field="profile"
        )
    identifiers = parse_identifiers(payload.get("identifiers"))
    operation = CreateOrder(project=visit.directory.tenant.project, identifiers=identifiers)
    return _order(visit, await visit.perform(operation), status=201)


async def order(visit: Visit) -> Answer:
    """Read an order."""
    visit.require_read()
    operation = ReadOrder(project=visit.directory.tenant.project, order=visit.resource.id)
    return _order(visit, await visit.perform(operation))


async def finalize(visit: Visit) -> Answer:
    """Issue the certificate of an order."""
    payload = visit.signer.jws.read_payload()
    operation = FinalizeOrder(
        project=visit.directory.tenant.project,
        order=visit.resource.id,
        csr_der=_octets(payload, "csr", BadCsrError),
    )
    try:
        done = await visit.perform(operation)
    except OrderAdvancedError:
        # The same request came twice at once: this one finds what became of the order.
        done = await visit.perform(operation)
    return _order(visit, done)


async def authorization(visit: Visit) -> Answer:
    """Read an authorization, or give it up."""
    project = visit.directory.tenant.project
    if visit.signer.jws.is_post_as_get:
        found = await visit.perform(ReadAuthorization(project=project, authorization=visit.resource.id))
    else:
        if visit.signer.jws.read_payload().get("status") != "deactivated":
            raise MalformedError(
                "The `status` can only be changed to `deactivated`; to read it, send the empty string.",
                field="status",
            )
        found = await visit.perform(DeactivateAuthorization(project=project, authorization=visit.resource.id))
    headers = (_RETRY,) if is_processing(found) else ()
    return Answer(200, encode(authorization_document(found, visit.urls, visit.now)), headers=headers)


async def challenge(visit: Visit) -> Answer:
    """Read a challenge, or say that it can be validated; the members of the payload are ignored."""
    project = visit.directory.tenant.project
    if visit.signer.jws.is_post_as_get:
        found = await visit.perform(ReadChallenge(project=project, challenge=visit.resource.id))
    else:
        visit.signer.jws.read_payload()
        found = await visit.perform(RespondToChallenge(project=project, challenge=visit.resource.id))
    up = link(visit.urls.of("authz", found.authorization), "up")
    headers = (up, _RETRY) if found.status is ChallengeStatus.PROCESSING else (up,)
    return Answer(200, encode(challenge_document(found, visit.urls)), headers=headers)


async def certificate(visit: Visit) -> Answer:
    """Download a certificate with its chain, the leaf first and without the root (section 7.4.2)."""
    visit.require_read()
    operation = ReadCertificate(project=visit.directory.tenant.project, certificate=visit.resource.id)
    found = await visit.perform(operation)
    if found.status is CertificateStatus.REVOKED:
        raise NotFoundError("certificate that is not revoked")
    chain = found.certificate_pem + "".join(found.chain_pem)
    return Answer(200, chain.encode("ascii"), media_type="application/pem-certificate-chain")


async def revoke_certificate(visit: Visit) -> Answer:
    """Revoke a certificate, for the account that it was issued to or for its own key."""
    payload = visit.signer.jws.read_payload()
    reason = payload.get("reason", 0)
    if not isinstance(reason, int) or isinstance(reason, bool):
        raise BadRevocationReasonError(
            "The `reason` must be a number (RFC 5280 section 5.3.1).", field="reason"
        )
    operation = RevokeIssued(
        project=visit.directory.tenant.project,
        directory=visit.directory.id,
        certificate_der=_octets(payload, "certificate", MalformedError),
        reason_code=reason,
    )
    if visit.signer.account is not None:
        await visit.perform(operation)
    else:
        await visit.perform_as(key_caller(visit.directory, visit.signer.jws.key, visit.address), operation)
    return Answer(200)


def _order(visit: Visit, view: OrderView, *, status: int = 200) -> Answer:
    headers = [("location", visit.urls.of("order", view.order.id))]
    if view.status is OrderStatus.PROCESSING or any(map(is_processing, view.authorizations)):
        headers.append(_RETRY)
    return Answer(status, encode(order_document(view, visit.urls)), headers=tuple(headers))


def _octets(payload: dict[str, Any], name: str, error: type[BadCsrError | MalformedError]) -> bytes:
    value = payload.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"The payload has no `{name}`.", field=name)
    try:
        return base64url.decode(value, f"`{name}`")
    except MalformedError as refused:
        raise error(refused.detail, field=name) from refused
