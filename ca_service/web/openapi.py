"""The OpenAPI document, generated from the routes when it is first asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from litestar import Litestar, Response, get
from litestar.openapi.config import OpenAPIConfig

from ca_service.web.door import PUBLIC, octets
from ca_service.web.problems import MEDIA_TYPE, Problem

_REFERENCE = "#/components/schemas/{name}"


def openapi_route(routes: Sequence[Any], version: str) -> Any:
    """Return `/v1/openapi.json`, which describes `routes`."""
    kept: list[bytes] = []
    turn = asyncio.Lock()

    @get("/v1/openapi.json", opt=PUBLIC, include_in_schema=False)
    async def openapi() -> Response[bytes]:
        """Answer the document; it is built once."""
        async with turn:
            if not kept:
                # It takes half a second of computing, in which others want their answers.
                kept.append(await asyncio.to_thread(build_document, routes, version))
        return octets(kept[0], media_type="application/json", headers={"cache-control": "max-age=300"})

    return openapi


def build_document(routes: Sequence[Any], version: str) -> bytes:
    """Return the document as JSON: Litestar's paths and answers, and the bodies that handlers decode."""
    # An application of its own, let go at once: the one that serves has no use for the schema machinery.
    described = Litestar(
        route_handlers=list(routes),
        openapi_config=OpenAPIConfig(title="Keywright", version=version, path="/openapi"),
        logging_config=None,
    )
    document = described.openapi_schema.to_schema()
    bodies = _bodies_of(described)
    references, components = msgspec.json.schema_components(
        [Problem, *bodies.values()], ref_template=_REFERENCE
    )
    by_place = dict(zip(bodies, references[1:], strict=True))
    paths = cast("dict[str, Any]", document.get("paths", {}))
    for path, operations in paths.items():
        for method, operation in operations.items():
            if isinstance(operation, dict):
                _complete(operation, by_place.get((path, method)), references[0])
    shared = cast("dict[str, Any]", document.setdefault("components", {}))
    shared.setdefault("schemas", {}).update(components)
    shared["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"token": []}]
    return msgspec.json.encode(document)


def _bodies_of(described: Litestar) -> dict[tuple[str, str], type]:
    """Return the declared body of each (path, method)."""
    found: dict[tuple[str, str], type] = {}
    for route in described.routes:
        for handler in getattr(route, "route_handlers", ()):
            body = handler.opt.get("body")
            if body is not None:
                for method in handler.http_methods:
                    found[route.path_format, method.lower()] = body
    return found


def _complete(operation: dict[str, Any], body: Mapping[str, Any] | None, problem: Mapping[str, Any]) -> None:
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    answers = operation.setdefault("responses", {})
    # Litestar describes its own errors, which never leave this service.
    for status in [status for status in answers if status.startswith(("4", "5"))]:
        del answers[status]
    answers["default"] = {"description": "A problem", "content": {MEDIA_TYPE: {"schema": problem}}}
