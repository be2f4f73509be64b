"""Commits many changes at once, and tells what was committed."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from ca_service.database.port import Transaction
from ca_service.gate.handler import Call, Handler, Prepared, Reader
from ca_service.gate.principals import principal_of
from ca_service.kernel.errors import MalformedError, NotFoundError
from ca_service.policy.values import Access, Grant
from secrets_core.paths import ROOT, FolderPath, parse_path
from secrets_core.vault.accesses import HISTORY, folder_access, project_access, secret_resource
from secrets_core.vault.commits import MOST_CHANGES, ChangeAction, Commit, CommittedChange
from secrets_core.vault.errors import ChangesRefusedError
from secrets_core.vault.operations.commits import (
    ChangeAsked,
    CommitChanges,
    CommitPage,
    ListCommits,
    ReadCommit,
)
from secrets_core.vault.questions import questions_of
from secrets_core.vault.secrets import (
    LAST_VERSION,
    parse_comment,
    parse_message,
    parse_metadata,
    parse_name,
    parse_tags,
    parse_value,
    parse_version,
)
from secrets_core.vault.storage.commits import (
    PlaceFilter,
    ToldChange,
    find_commit,
    list_changes,
    list_commits,
    read_number,
    with_changes,
)
from secrets_core.vault.storage.secrets import Found
from secrets_core.vault.vault import Vault
from secrets_core.vault.wishes import Wish
from secrets_core.vault.writing import Writing, draft_all, write_all

_ASKABLE = frozenset({ChangeAction.SET, ChangeAction.DELETE, ChangeAction.UNDELETE})
#: How many changes one page of commits shows at most; each is put to the policy.
_MOST_SHOWN = 1000


class Proposed(Struct, frozen=True):
    """The wishes of one commit, and what was found for each."""

    wishes: tuple[tuple[Wish, Found], ...]
    message: str


class Committing:
    """The acts that all commits of many changes share."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def _proposed(self, call: Call, wishes: Sequence[Wish], message: str) -> Prepared[Proposed]:
        """Find what is there; each change is decided."""
        found = await self._vault.find_all(call, [wish.place for wish in wishes])
        pairs = tuple(zip(wishes, found, strict=True))
        accesses = tuple(access for wish, at in pairs for access in questions_of(call.home, wish, at.secret))
        return Prepared(Proposed(pairs, message), accesses, {"changes": len(wishes)})

    async def sign(self, call: Call, draft: Proposed, grant: Grant) -> Writing:
        """Seal all of it; find out whether it can be done."""
        del grant
        return await draft_all(self._vault, call, draft.wishes, draft.message)

    async def record(self, transaction: Transaction, call: Call, signed: Writing) -> Commit:
        """Write all of it down."""
        written = await write_all(self._vault, transaction, call, signed)
        number = await read_number(transaction, written.commit)
        return msgspec.structs.replace(written.commit, number=number)

    def details(self, answer: Commit) -> Mapping[str, Any]:
        """Return the commit."""
        return {"commit": answer.id, "number": answer.number}


class CommitChangesHandler(Committing, Handler[CommitChanges, Proposed, Writing, Commit]):
    """Commits many changes at once."""

    async def prepare(self, call: Call, operation: CommitChanges) -> Prepared[Proposed]:
        """Read what is asked for and find what is there; each change is decided."""
        asked = operation.changes
        if not 1 <= len(asked) <= MOST_CHANGES:
            raise ChangesRefusedError(
                f"A commit has 1 to {MOST_CHANGES} changes.", field="changes", rule="bounds"
            )
        message = parse_message(operation.message)
        wishes = [await self._wish(call, i, change) for i, change in enumerate(asked)]
        _verify_apart(wishes)
        return await self._proposed(call, wishes, message)

    async def _wish(self, call: Call, i: int, asked: ChangeAsked) -> Wish:
        label = f"changes[{i}]."
        place = await self._vault.place(call, asked.environment, asked.path, asked.name, label=label)
        is_set = asked.action is ChangeAction.SET
        told = {
            "value": asked.value,
            "comment": asked.comment,
            "tags": asked.tags,
            "metadata": asked.metadata,
        }
        if asked.action not in _ASKABLE:
            detail = "A change is `set`, `delete` or `undelete`."
            raise ChangesRefusedError(detail, field=f"{label}action", rule="choice")
        if is_set is (asked.value is None):
            detail = "A `set` has a value" if is_set else "Only a `set` has a value"
            raise ChangesRefusedError(f"{detail}.", field=f"{label}value", rule="required")
        for field, given in told.items():
            if not is_set and given is not None:
                raise ChangesRefusedError(
                    f"Only a `set` has {field}.", field=f"{label}{field}", rule="choice"
                )
        if asked.value is not None:
            parse_value(asked.value.reveal(), field=f"{label}value")
        return Wish(
            action=asked.action,
            place=place,
            value=asked.value,
            comment=None if asked.comment is None else parse_comment(asked.comment, field=f"{label}comment"),
            tags=None if asked.tags is None else parse_tags(asked.tags, field=f"{label}tags"),
            metadata=(
                None if asked.metadata is None else parse_metadata(asked.metadata, field=f"{label}metadata")
            ),
            if_version=asked.if_version,
            label=label,
        )


class ListCommitsReader(Reader[ListCommits, CommitPage]):
    """Lists commits, newest first, with what the caller may see of them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: ListCommits) -> Prepared[CommitPage]:
        """Read a page; commits of which the caller may see nothing are left out of it."""
        place, whole = await self._place(call, operation)
        before = LAST_VERSION if operation.after is None else parse_version(operation.after, field="cursor")
        read = await list_commits(
            self._vault.database, call.home, place, before=before, limit=operation.limit + 1
        )
        history = _History(self._vault, call)
        shown: list[Commit] = []
        last: Commit | None = None
        for commit, told in await history.changes_of(read[: operation.limit]):
            if last is not None and history.size + len(told) > _MOST_SHOWN:
                break
            changes = await history.visible(told)
            if changes:
                shown.append(with_changes(commit, changes))
            last = commit
        is_last = last is None or last.number == read[-1].number
        page = CommitPage(tuple(shown), None if is_last or last is None else str(last.number))
        return Prepared(page, (whole, *history.accesses), {"items": len(shown)})

    async def _place(self, call: Call, operation: ListCommits) -> tuple[PlaceFilter, Access]:
        path: FolderPath | None = None if operation.path is None else parse_path(operation.path)
        name = operation.name
        if (path is not None and operation.environment is None) or (name is not None and path is None):
            raise MalformedError(
                "`path` needs `environment` beside it, and `name` needs both.",
                field="environment",
                rule="required",
            )
        if operation.environment is None:
            return PlaceFilter(), project_access(operation.action, call.home)
        environment = await self._vault.environments.find(call.home, operation.environment)
        whole = folder_access(operation.action, call.home, environment, path or ROOT)
        return PlaceFilter(environment.id, path or "", "" if name is None else parse_name(name)), whole


class ReadCommitReader(Reader[ReadCommit, Commit]):
    """Reads one commit, with what the caller may see of it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def prepare(self, call: Call, operation: ReadCommit) -> Prepared[Commit]:
        """Read it. One of which the caller may see nothing is not there."""
        commit = await find_commit(self._vault.database, call.home, operation.commit)
        if commit is None:
            raise NotFoundError("commit")
        history = _History(self._vault, call)
        [(_, told)] = await history.changes_of([commit])
        changes = await history.visible(told)
        if not changes:
            if not told:
                raise NotFoundError("commit")
            history.accesses.append(history.access(told[0]))
        return Prepared(with_changes(commit, changes), tuple(history.accesses), {"commit": commit.id})


class _History:
    """What one caller sees of commits; `accesses` are those that show it."""

    def __init__(self, vault: Vault, call: Call) -> None:
        self._vault = vault
        self._call = call
        self._principal = principal_of(call.caller)
        self.accesses: list[Access] = []
        self.size = 0

    async def changes_of(self, commits: Sequence[Commit]) -> list[tuple[Commit, list[ToldChange]]]:
        """Return the commits with their changes."""
        told = await list_changes(
            self._vault.database, self._vault.rows, self._call.home, [commit.id for commit in commits]
        )
        return [(commit, told[commit.id]) for commit in commits]

    def access(self, told: ToldChange) -> Access:
        """Return the question whether the caller sees a change; what it may not see is not there."""
        change = told.change
        resource = secret_resource(
            self._call.home, change.environment, change.path, change.name, told.tags, noun="commit"
        )
        return Access(HISTORY, resource, HISTORY)

    async def visible(self, told: Sequence[ToldChange]) -> tuple[CommittedChange, ...]:
        """Return the changes that the caller may see."""
        seen = []
        for each in told:
            self.size += 1
            access = self.access(each)
            if (await self._vault.policy.decide(self._principal, access)).allowed:
                self.accesses.append(access)
                seen.append(each.change)
        return tuple(seen)


def _verify_apart(wishes: Sequence[Wish]) -> None:
    places = set()
    for wish in wishes:
        if wish.place in places:
            raise ChangesRefusedError(
                f"{wish.place} is changed twice; a commit changes a secret once.",
                field=f"{wish.label}name",
                rule="unique",
            )
        places.add(wish.place)
