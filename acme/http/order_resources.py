"""newOrder, order, finalize, authz, challenge, certificate and revokeCert (RFC 8555 sections 7.4 to 7.6)."""

from typing import Any

from acme.callers import key_caller
from acme.challenges import ChallengeStatus, seconds_until_answer
from acme.errors import (
    BadCsrError,
    BadRevocationReasonError,
    CertificateWithdrawnError,
    ChallengeAdvancedError,
    OrderAdvancedError,
)
from acme.http.visit import RETRY_AFTER, Answer, Visit, link
from acme.identifiers import parse_identifier, parse_identifiers
from acme.operations import (
    CreateAuthorization,
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
from acme.validity import parse_moment
from acme.wire import base64url
from acme.wire.messages import (
    authorization_document,
    challenge_document,
    encode,
    is_processing,
    order_document,
)
from ca_service.kernel.errors import MalformedError, NotFoundError
from ca_service.x509.certificates import CertificateStatus
from ca_service.x509.operations import ReadCertificate

_RETRY = ("retry-after", RETRY_AFTER)
#: Seconds that an answer to a challenge waits for the look at it: as long as it would tell a client to wait.
_LONGEST_HOLD = float(RETRY_AFTER)


async def new_order(visit: Visit) -> Answer:
    """Take an order; `profile` is of draft-ietf-acme-profiles."""
    payload = visit.signer.jws.read_payload()
    profile = payload.get("profile")
    if profile is not None and not isinstance(profile, str):
        raise MalformedError("`profile` must be the name of a profile, as text.", field="profile")
    operation = CreateOrder(
        project=visit.directory.tenant.project,
        identifiers=parse_identifiers(payload.get("identifiers")),
        profile=profile,
        not_before=parse_moment(payload.get("notBefore"), "notBefore"),
        not_after=parse_moment(payload.get("notAfter"), "notAfter"),
    )
    return _order(visit, await visit.perform(operation), status=201)


async def new_authorization(visit: Visit) -> Answer:
    """Open an authorization ahead of any order (section 7.4.1)."""
    payload = visit.signer.jws.read_payload()
    operation = CreateAuthorization(
        project=visit.directory.tenant.project, identifier=parse_identifier(payload.get("identifier"))
    )
    made = await visit.perform(operation)
    headers = (("location", visit.urls.of("authz", made.id)),)
    return Answer(201, encode(authorization_document(made, visit.urls, visit.now)), headers=headers)


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
    """Read a challenge, or say that it can be validated; the members of the payload are ignored.

    Most looks take less time than a client lets pass between two questions, so the answer waits for a moment
    and tells how the look ended. Nothing is held meanwhile but the connection.
    """
    project = visit.directory.tenant.project
    if visit.signer.jws.is_post_as_get:
        found = await visit.perform(ReadChallenge(project=project, challenge=visit.resource.id))
    else:
        visit.signer.jws.read_payload()
        operation = RespondToChallenge(project=project, challenge=visit.resource.id)
        try:
            found = await visit.perform(operation)
        except ChallengeAdvancedError:
            # The same request came twice at once: this one is told how the challenge stands.
            found = await visit.perform(operation)
        if found.status is ChallengeStatus.PROCESSING:
            found = await visit.looks.outcome(found.id, _LONGEST_HOLD) or found
    up = link(visit.urls.of("authz", found.authorization), "up")
    retry = ("retry-after", str(seconds_until_answer(found)))
    headers = (up, retry) if found.status is ChallengeStatus.PROCESSING else (up,)
    return Answer(200, encode(challenge_document(found, visit.urls)), headers=headers)


async def certificate(visit: Visit) -> Answer:
    """Download a certificate with its chain, the leaf first and without the root (section 7.4.2).

    A revoked one is not handed out any more, an expired one is. Where the issuer was cross-signed there are
    several chains: each links to all the others, and the number behind the certificate's URL says which.
    """
    visit.require_read()
    operation = ReadCertificate(project=visit.directory.tenant.project, certificate=visit.resource.id)
    found = await visit.perform(operation)
    if found.status is CertificateStatus.REVOKED:
        raise CertificateWithdrawnError
    chains = (found.chain_pem, *found.alternates)
    verbs = [str(number) if number else "" for number in range(len(chains))]
    if visit.resource.verb not in verbs:
        raise NotFoundError("chain")
    chain = found.certificate_pem + "".join(chains[verbs.index(visit.resource.verb)])
    others = tuple(
        link(visit.urls.of("certificate", visit.resource.id, verb), "alternate")
        for verb in verbs
        if verb != visit.resource.verb
    )
    return Answer(200, chain.encode("ascii"), media_type="application/pem-certificate-chain", headers=others)


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
