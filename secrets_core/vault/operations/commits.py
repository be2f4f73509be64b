"""What can be asked about commits."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

from ca_service.gate.operation import ProjectOperation
from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.commits import ChangeAction, Commit


class ChangeAsked(Struct, frozen=True, kw_only=True):
    """One change of a commit. What is None stays as it was; `if_version` is as for a single write."""

    action: ChangeAction
    environment: str
    path: str = "/"
    name: str
    value: SecretValue[str] | None = None
    comment: str | None = None
    tags: tuple[str, ...] | None = None
    metadata: Mapping[str, str] | None = None
    if_version: int | None = None


class CommitChanges(ProjectOperation[Commit], frozen=True, kw_only=True):
    """Set, delete and undelete secrets of any folders and environments of a project, all or none."""

    action: ClassVar[str] = "secrets:write"
    idempotent: ClassVar[bool] = True

    message: str = ""
    changes: tuple[ChangeAsked, ...]


class CommitPage(Struct, frozen=True):
    """A page of commits, newest first, with those of their changes that the caller may see."""

    items: tuple[Commit, ...]
    next_key: str | None


class ListCommits(ProjectOperation[CommitPage], frozen=True, kw_only=True):
    """List the commits of a project, or those that touched an environment, a folder of it, a secret in it."""

    action: ClassVar[str] = "secrets:history"
    reads: ClassVar[bool] = True

    environment: str | None = None
    path: str | None = None
    name: str | None = None
    limit: int = 100
    after: str | None = None


class ReadCommit(ProjectOperation[Commit], frozen=True, kw_only=True):
    """Read one commit, with those of its changes that the caller may see."""

    action: ClassVar[str] = "secrets:history"
    reads: ClassVar[bool] = True

    commit: str
