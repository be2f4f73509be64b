"""The doors to the instance's state."""

from litestar import Response, get

from ca_service.web.door import AnyRequest, answer, octets, perform
from ca_service.web.instance.operations import ReadMetrics, ReadStatus, Status
from ca_service.web.metrics import CONTENT_TYPE


@get("/v1/status")
async def read_status(request: AnyRequest) -> Response[Status]:
    """Say what is open, which promise is not kept and what expires within 14 days."""
    outcome = await perform(request, ReadStatus())
    return answer(outcome, outcome.answer)


@get("/metrics", include_in_schema=False)
async def read_metrics(request: AnyRequest) -> Response[bytes]:
    """Answer the measurements in Prometheus' text format."""
    outcome = await perform(request, ReadMetrics())
    return octets(outcome.answer, media_type=CONTENT_TYPE)


ROUTES = (read_status, read_metrics)
