"""The route of lists of secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from litestar import Response, get
from litestar.params import FromPath, FromQuery
from msgspec import UNSET, Struct, UnsetType

from ca_service.web.door import Page, answer, octets, page, parse_page, perform
from secrets_core.vault.http.place import IN_ENVIRONMENT, AnyRequest, knows, quoted
from secrets_core.vault.operations.reading import DescribeSecrets, ListedSecret, ListSecrets

#: Whoever asked may keep the list and ask whether it still holds (S21).
_KEPT_BY_THE_CALLER = "private, no-cache"


class ListedSecretBody(Struct, frozen=True, kw_only=True):
    """A secret of a list, where it lies, and whether the folder asked for only imports it."""

    name: str
    path: str
    environment: str
    value: str | UnsetType = UNSET
    version: int
    created_at: datetime
    updated_at: datetime
    comment: str
    tags: tuple[str, ...]
    metadata: Mapping[str, str]
    imported: bool

    def __repr__(self) -> str:
        return "ListedSecretBody(hidden)"


@get(f"{IN_ENVIRONMENT}/secrets")
async def list_secrets(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromPath[str],
    path: FromQuery[str] = "/",
    recursive: FromQuery[bool] = False,
    expand: FromQuery[bool] = True,
    imports: FromQuery[bool] = True,
    include_values: FromQuery[bool] = True,
    tag: FromQuery[list[str] | None] = None,
) -> Response[Page[ListedSecretBody]]:
    """List the secrets of a folder that the caller may read, or see, by path and name."""
    limit, after = parse_page(request)
    tags = tuple(tag or ())
    operation: ListSecrets | DescribeSecrets
    if include_values:
        operation = ListSecrets(
            project=project,
            environment=environment,
            path=path,
            is_recursive=recursive,
            expand=expand,
            imports=imports,
            tags=tags,
            limit=limit,
            after=after,
        )
    else:
        operation = DescribeSecrets(
            project=project,
            environment=environment,
            path=path,
            is_recursive=recursive,
            imports=imports,
            tags=tags,
            limit=limit,
            after=after,
        )
    outcome = await perform(request, operation)
    etag = quoted(outcome.answer.etag)
    headers = {"etag": etag, "cache-control": _KEPT_BY_THE_CALLER}
    if knows(request, etag):
        unchanged = octets(b"", media_type="application/json", headers=headers, status=304)
        return cast("Response[Page[ListedSecretBody]]", unchanged)
    return answer(outcome, page(_bodies(outcome.answer.items), outcome.answer.next_key), headers=headers)


def _bodies(items: Sequence[ListedSecret]) -> list[ListedSecretBody]:
    return [
        ListedSecretBody(
            name=item.record.name,
            path=item.record.path,
            environment=item.record.environment,
            value=UNSET if item.value is None else item.value.reveal(),
            version=item.record.version,
            created_at=item.record.created_at,
            updated_at=item.record.updated_at,
            comment=item.record.comment,
            tags=item.record.tags,
            metadata=item.record.metadata,
            imported=item.is_imported,
        )
        for item in items
    ]


ROUTES = (list_secrets,)
