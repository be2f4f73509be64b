"""The routes of channels."""

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath

from ca_service.kernel.secret_value import SecretValue
from ca_service.web.door import (
    Page,
    answer,
    created,
    decode,
    no_content,
    page,
    parse_page,
    perform,
    reads,
)
from ca_service.x509.http.channel_bodies import (
    ChannelBody,
    ChannelList,
    CreateChannelBody,
    DeliveryBody,
    TriedBody,
    UpdateChannelBody,
    channel_body,
    created_channel_body,
    delivery_body,
    parse_settings,
    parse_update,
)
from ca_service.x509.http.place import BASE, AnyRequest
from ca_service.x509.operations.channels import (
    CreateChannel,
    DeleteChannel,
    ListChannels,
    ListDeliveries,
    ReadChannel,
    TryChannel,
)


@get(f"{BASE}/channels")
async def list_channels(request: AnyRequest, project: FromPath[str]) -> Response[ChannelList]:
    """List the channels of a project."""
    outcome = await perform(request, ListChannels(project=project))
    return answer(outcome, ChannelList(tuple(channel_body(channel) for channel in outcome.answer)))


@post(f"{BASE}/channels", opt=reads(CreateChannelBody))
async def create_channel(request: AnyRequest, project: FromPath[str]) -> Response[ChannelBody]:
    """Make a channel; the signing secret of a webhook is in this answer only."""
    body = await decode(request, CreateChannelBody)
    operation = CreateChannel(
        project=project,
        name=body.name,
        settings=parse_settings(body),
        password=None if body.password is None else SecretValue(body.password),
    )
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/x509/channels/{outcome.answer.channel.name}"
    return created(outcome, location, created_channel_body(outcome.answer))


@get(f"{BASE}/channels/{{name:str}}")
async def read_channel(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ChannelBody]:
    """Read one channel."""
    outcome = await perform(request, ReadChannel(project=project, name=name))
    return answer(outcome, channel_body(outcome.answer))


@patch(f"{BASE}/channels/{{name:str}}", opt=reads(UpdateChannelBody))
async def update_channel(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[ChannelBody]:
    """Change a channel, or give it another secret."""
    body = await decode(request, UpdateChannelBody)
    outcome = await perform(request, parse_update(body, project, name))
    return answer(outcome, created_channel_body(outcome.answer))


@delete(f"{BASE}/channels/{{name:str}}")
async def delete_channel(request: AnyRequest, project: FromPath[str], name: FromPath[str]) -> Response[None]:
    """Remove a channel with its log."""
    outcome = await perform(request, DeleteChannel(project=project, name=name))
    return no_content(outcome)


@post(f"{BASE}/channels/{{name:str}}/test")
async def try_channel(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[TriedBody]:
    """Send a test event; how it went is in the deliveries."""
    outcome = await perform(request, TryChannel(project=project, name=name))
    location = f"/v1/projects/{project}/x509/channels/{name}/deliveries"
    return created(outcome, location, TriedBody(outcome.answer.id))


@get(f"{BASE}/channels/{{name:str}}/deliveries")
async def list_deliveries(
    request: AnyRequest, project: FromPath[str], name: FromPath[str]
) -> Response[Page[DeliveryBody]]:
    """List what was sent over a channel, the newest first."""
    limit, cursor = parse_page(request)
    outcome = await perform(request, ListDeliveries(project=project, name=name, limit=limit, cursor=cursor))
    items = [delivery_body(delivery) for delivery in outcome.answer.items]
    return answer(outcome, page(items, outcome.answer.next_cursor))


ROUTES = (
    list_channels,
    create_channel,
    read_channel,
    update_channel,
    delete_channel,
    try_channel,
    list_deliveries,
)
