"""Commits: what was changed at once, by whom and why. Every write is a commit, most of one change."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from ca_service.kernel.tenancy import Tenant
from secrets_core.paths import FolderPath

MOST_CHANGES = 500


class ChangeAction(StrEnum):
    """What was done to one secret."""

    SET = "set"
    DELETE = "delete"
    UNDELETE = "undelete"
    MOVE = "move"
    DESTROY = "destroy"


class CommittedChange(Struct, frozen=True, kw_only=True):
    """One change as it was committed: where the secret lay after it, and the version it is about.

    `environment` is the slug; `secret` and `environment_id` tell the rows apart where names were used again.
    """

    action: ChangeAction
    environment: str
    environment_id: str
    path: FolderPath
    name: str
    secret: str
    version: int


class Commit(Struct, frozen=True, kw_only=True):
    """A commit. `number` counts those of a project from 1 on without a gap; `author` is a caller's id."""

    tenant: Tenant
    id: str
    number: int
    message: str
    author: str
    created_at: datetime
    changes: tuple[CommittedChange, ...]
