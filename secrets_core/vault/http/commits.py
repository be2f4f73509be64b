"""The routes of commits."""

from datetime import datetime

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from ca_service.kernel.errors import MalformedError
from ca_service.kernel.secret_value import SecretValue
from ca_service.web.door import Page, answer, created, decode, page, parse_page, perform, reads
from secrets_core.vault.commits import ChangeAction, Commit
from secrets_core.vault.http.place import BASE, AnyRequest
from secrets_core.vault.operations.commits import ChangeAsked, CommitChanges, ListCommits, ReadCommit


class ChangeAskedBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change: `set`, `delete` or `undelete`. `if_version` 0 means that there must be no such secret."""

    action: ChangeAction
    environment: str
    path: str = "/"
    name: str
    value: str | None = None
    comment: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, str] | None = None
    if_version: int | None = None

    def __repr__(self) -> str:
        return "ChangeAskedBody(hidden)"


class CommitAskedBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make all of these changes, or none."""

    message: str = ""
    changes: tuple[ChangeAskedBody, ...]


class ChangeBody(Struct, frozen=True, kw_only=True):
    """A change that was made; `version` is the one it is about."""

    action: str
    environment: str
    path: str
    name: str
    version: int


class CommitBody(Struct, frozen=True, kw_only=True):
    """A commit with those of its changes that the caller may see."""

    id: str
    number: int
    message: str
    author: str
    created_at: datetime
    changes: tuple[ChangeBody, ...]


@post(f"{BASE}/commits", opt=reads(CommitAskedBody))
async def commit_changes(request: AnyRequest, project: FromPath[str]) -> Response[CommitBody]:
    """Change many secrets at once: all of them or none."""
    body = await decode(request, CommitAskedBody)
    changes = tuple(_asked(i, change) for i, change in enumerate(body.changes))
    operation = CommitChanges(project=project, message=body.message, changes=changes)
    outcome = await perform(request, operation)
    location = f"/v1/projects/{project}/commits/{outcome.answer.id}"
    return created(outcome, location, commit_body(outcome.answer))


@get(f"{BASE}/commits")
async def list_commits(
    request: AnyRequest,
    project: FromPath[str],
    environment: FromQuery[str | None] = None,
    path: FromQuery[str | None] = None,
    name: FromQuery[str | None] = None,
) -> Response[Page[CommitBody]]:
    """List commits, newest first: all, or those that touched an environment, a folder or a secret."""
    limit, after = parse_page(request)
    operation = ListCommits(
        project=project, environment=environment, path=path, name=name, limit=limit, after=after
    )
    outcome = await perform(request, operation)
    listed = [commit_body(commit) for commit in outcome.answer.items]
    return answer(outcome, page(listed, outcome.answer.next_key))


@get(f"{BASE}/commits/{{commit:str}}")
async def read_commit(
    request: AnyRequest, project: FromPath[str], commit: FromPath[str]
) -> Response[CommitBody]:
    """Read one commit."""
    outcome = await perform(request, ReadCommit(project=project, commit=commit))
    return answer(outcome, commit_body(outcome.answer))


def commit_body(commit: Commit) -> CommitBody:
    """Return a commit as JSON shows it."""
    return CommitBody(
        id=commit.id,
        number=commit.number,
        message=commit.message,
        author=commit.author,
        created_at=commit.created_at,
        changes=tuple(
            ChangeBody(
                action=change.action.value,
                environment=change.environment,
                path=change.path,
                name=change.name,
                version=change.version,
            )
            for change in commit.changes
        ),
    )


def _asked(i: int, body: ChangeAskedBody) -> ChangeAsked:
    if body.if_version is not None and not 0 <= body.if_version < 2**62:
        raise MalformedError(
            "`if_version` is a version, or 0.", field=f"changes[{i}].if_version", rule="version"
        )
    return ChangeAsked(
        action=body.action,
        environment=body.environment,
        path=body.path,
        name=body.name,
        value=None if body.value is None else SecretValue(body.value),
        comment=body.comment,
        tags=body.tags,
        metadata=body.metadata,
        if_version=body.if_version,
    )


ROUTES = (commit_changes, list_commits, read_commit)
