"""The routes of how authorities publish: shards, copies and the OCSP responder."""

from datetime import datetime

from litestar import Response, get, patch
from litestar.params import FromPath
from msgspec import Struct

from ca_service.web.door import answer, decode, perform, reads
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.http.words import parse_word
from ca_service.x509.operations import ConfigurePublishing, DescribedPublishing, ReadPublishing
from ca_service.x509.publishing import ResponderKind


class PublishingBody(Struct, frozen=True, kw_only=True):
    """How an authority tells the status of what it issued."""

    authority: str
    crl_url: str
    crl_shards: int
    crl_shard_urls: list[str]
    crl_urls: list[str]
    ocsp_url: str
    responder: str
    responder_until: datetime | None


class ConfigurePublishingBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`PATCH authorities/{name}/publishing`: what is left out stays."""

    crl_shards: int | None = None
    crl_urls: list[str] | None = None
    responder: str | None = None


@get(f"{BASE}/authorities/{{name:str}}/publishing")
async def read_publishing(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[PublishingBody]:
    """Read how an authority publishes."""
    outcome = await perform(request, ReadPublishing(project=project, name=name))
    return answer(outcome, _body(outcome.answer))


@patch(f"{BASE}/authorities/{{name:str}}/publishing", opt=reads(ConfigurePublishingBody))
async def configure_publishing(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[PublishingBody]:
    """Choose how an authority publishes from now on."""
    body = await decode(request, ConfigurePublishingBody)
    kind = body.responder
    operation = ConfigurePublishing(
        project=project,
        name=name,
        crl_shards=body.crl_shards,
        crl_urls=None if body.crl_urls is None else tuple(body.crl_urls),
        responder=None
        if kind is None
        else parse_word(ResponderKind, kind, field="responder", rule="responder"),
    )
    outcome = await perform(request, operation)
    return answer(outcome, _body(outcome.answer))


def _body(described: DescribedPublishing) -> PublishingBody:
    publishing = described.publishing
    return PublishingBody(
        authority=described.authority,
        crl_url=described.crl_url,
        crl_shards=publishing.crl_shards,
        crl_shard_urls=list(described.shard_urls),
        crl_urls=list(publishing.crl_urls),
        ocsp_url=described.ocsp_url,
        responder=publishing.responder.value,
        responder_until=described.responder_until,
    )


ROUTES = (read_publishing, configure_publishing)
