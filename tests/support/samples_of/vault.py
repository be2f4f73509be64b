"""Samples of the vault."""

from typing import Any

from ca_service.kernel.secret_value import SecretValue
from secrets_core.vault.commits import ChangeAction
from secrets_core.vault.operations import (
    ChangeAsked,
    CommitChanges,
    CreateFolder,
    DeleteFolder,
    DeleteSecret,
    DestroyVersions,
    ListCommits,
    ListFolders,
    ListVersions,
    PutSecret,
    ReadCommit,
    ReadSecret,
    UndeleteSecret,
    UpdateFolder,
    UpdateSecret,
)
from secrets_core.vault.operations.reading import (
    CreateImport,
    DeleteImport,
    DescribeSecrets,
    ImportSecretFile,
    ListImports,
    ListSecrets,
)
from secrets_core.vault.secret_files import FileFormat
from tests.support.sample import Knock, Sample
from tests.support.things import Things

_PROJECT = "/v1/projects/{project}"
_IN_ENVIRONMENT = f"{_PROJECT}/environments/{{environment}}"
_SECRET = f"{_IN_ENVIRONMENT}/secrets/{{secret}}"
_DELETED = f"{_IN_ENVIRONMENT}/secrets/{{deleted_secret}}"
_HERE = "?path={folder}"


def _where(things: Things) -> dict[str, Any]:
    """Return where the secrets of a tenant lie."""
    return {"project": things.project, "environment": things.environment, "path": things.folder}


def _change(things: Things) -> dict[str, Any]:
    return {"environment": things.environment, "path": things.folder, "name": things.secret}


SECRETS = (
    Sample(
        name="put-secret",
        ask=lambda t: PutSecret(name=t.secret, value=SecretValue("next"), **_where(t)),
        knock=Knock("PUT", _SECRET + _HERE, lambda _: {"value": "next"}),
    ),
    Sample(
        name="put-first-secret",
        ask=lambda t: PutSecret(
            project=t.project,
            environment=t.environment,
            path=f"{t.folder}/deeper/still",
            name="ANOTHER",
            value=SecretValue("first"),
            comment="a comment",
            tags=("team-a",),
            metadata={"owner": "alice"},
            if_version=0,
        ),
    ),
    Sample(
        name="update-secret",
        ask=lambda t: UpdateSecret(name=t.secret, comment="changed", **_where(t)),
        knock=Knock("PATCH", _SECRET + _HERE, lambda _: {"comment": "changed"}),
    ),
    Sample(
        name="move-secret",
        ask=lambda t: UpdateSecret(name=t.secret, new_path=t.empty_folder, **_where(t)),
        knock=Knock("PATCH", _SECRET + _HERE, lambda t: {"new_path": t.empty_folder}),
    ),
    Sample(
        name="read-secret",
        ask=lambda t: ReadSecret(name=t.secret, **_where(t)),
        knock=Knock("GET", _SECRET + _HERE),
    ),
    Sample(
        name="read-secret-version",
        ask=lambda t: ReadSecret(name=t.secret, version=1, **_where(t)),
        knock=Knock("GET", f"{_SECRET}{_HERE}&version=1"),
    ),
    Sample(
        name="delete-secret",
        ask=lambda t: DeleteSecret(name=t.secret, **_where(t)),
        knock=Knock("DELETE", _SECRET + _HERE),
    ),
    Sample(
        name="undelete-secret",
        ask=lambda t: UndeleteSecret(name=t.deleted_secret, **_where(t)),
        knock=Knock("POST", f"{_DELETED}/undelete{_HERE}", lambda _: {}),
    ),
    Sample(
        name="list-secret-versions",
        ask=lambda t: ListVersions(name=t.secret, **_where(t)),
        knock=Knock("GET", f"{_SECRET}/versions{_HERE}"),
    ),
    Sample(
        name="destroy-secret-versions",
        ask=lambda t: DestroyVersions(name=t.secret, versions=(1,), **_where(t)),
        knock=Knock("POST", f"{_SECRET}/destroy{_HERE}", lambda _: {"versions": [1]}),
    ),
)
COMMITS = (
    Sample(
        name="commit-changes",
        ask=lambda t: CommitChanges(
            project=t.project,
            message="two at once",
            changes=(
                ChangeAsked(action=ChangeAction.SET, value=SecretValue("next"), **_change(t)),
                ChangeAsked(
                    action=ChangeAction.UNDELETE,
                    environment=t.environment,
                    path=t.folder,
                    name=t.deleted_secret,
                ),
            ),
        ),
        knock=Knock(
            "POST",
            f"{_PROJECT}/commits",
            lambda t: {"message": "one", "changes": [{"action": "set", "value": "next", **_change(t)}]},
        ),
    ),
    Sample(
        name="list-commits",
        ask=lambda t: ListCommits(project=t.project),
        knock=Knock("GET", f"{_PROJECT}/commits"),
    ),
    Sample(
        name="list-commits-of-secret",
        ask=lambda t: ListCommits(name=t.secret, **_where(t)),
        knock=Knock("GET", f"{_PROJECT}/commits{_HERE}&environment={{environment}}&name={{secret}}"),
    ),
    Sample(
        name="read-commit",
        ask=lambda t: ReadCommit(project=t.project, commit=t.commit),
        knock=Knock("GET", f"{_PROJECT}/commits/{{commit}}"),
    ),
)
FOLDERS = (
    Sample(
        name="list-folders",
        ask=lambda t: ListFolders(**_where(t)),
        knock=Knock("GET", f"{_IN_ENVIRONMENT}/folders{_HERE}"),
    ),
    Sample(
        name="create-folder",
        ask=lambda t: CreateFolder(
            project=t.project, environment=t.environment, path=f"{t.folder}/new", description="new"
        ),
        knock=Knock("POST", f"{_IN_ENVIRONMENT}/folders", lambda t: {"path": f"{t.folder}/new"}),
    ),
    Sample(
        name="rename-folder",
        ask=lambda t: UpdateFolder(new_name="renamed", **_where(t)),
        knock=Knock("PATCH", f"{_IN_ENVIRONMENT}/folders{_HERE}", lambda _: {"new_name": "renamed"}),
    ),
    Sample(
        name="delete-folder",
        ask=lambda t: DeleteFolder(is_recursive=True, **_where(t)),
        knock=Knock("DELETE", f"{_IN_ENVIRONMENT}/folders{_HERE}&recursive=true"),
    ),
)
READING = (
    Sample(
        name="list-secrets",
        ask=lambda t: ListSecrets(is_recursive=True, **_where(t)),
        knock=Knock("GET", f"{_IN_ENVIRONMENT}/secrets{_HERE}&recursive=true"),
    ),
    Sample(
        name="describe-secrets",
        ask=lambda t: DescribeSecrets(**_where(t)),
        knock=Knock("GET", f"{_IN_ENVIRONMENT}/secrets{_HERE}&include_values=false"),
    ),
    Sample(
        name="list-secret-imports",
        ask=lambda t: ListImports(**_where(t)),
        knock=Knock("GET", f"{_IN_ENVIRONMENT}/imports{_HERE}"),
    ),
    Sample(
        name="create-secret-import",
        ask=lambda t: CreateImport(source_environment=t.environment, source_path="/", **_where(t)),
        knock=Knock(
            "POST",
            f"{_IN_ENVIRONMENT}/imports{_HERE}",
            lambda t: {"environment": t.environment, "path": "/"},
        ),
    ),
    Sample(
        name="delete-secret-import",
        ask=lambda t: DeleteImport(project=t.project, environment=t.environment, import_id=t.secret_import),
        knock=Knock("DELETE", f"{_IN_ENVIRONMENT}/imports/{{secret_import}}"),
    ),
    Sample(
        name="import-secret-file",
        ask=lambda t: ImportSecretFile(
            format=FileFormat.ENV, content=SecretValue("A=1"), message="a file", **_where(t)
        ),
        knock=Knock(
            "POST",
            f"{_IN_ENVIRONMENT}/secret-files{_HERE}",
            lambda _: {"format": "env", "content": "A=1", "message": "a file"},
        ),
    ),
)
SAMPLES = (*READING, *SECRETS, *COMMITS, *FOLDERS)
