"""The tables of the vault. Rows are found with their tenant only."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from ca_service.database.metadata import METADATA

#: `live_in` repeats the environment while the folder is not deleted: only live folders keep it from going.
FOLDERS = Table(
    "secrets_folders",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("environment", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("live_in", Text),
    UniqueConstraint("organization", "project", "environment", "path", name="uq_secrets_folders_path"),
    ForeignKeyConstraint(
        ["organization", "project", "live_in"],
        [
            "governance_environments.organization",
            "governance_environments.project",
            "governance_environments.id",
        ],
    ),
)

#: `version` is the current one, `tags` (JSON) its tags. The names of deleted secrets stay taken.
SECRETS = Table(
    "secrets_secrets",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("folder", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("tags", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("organization", "project", "folder", "name", name="uq_secrets_secrets_name"),
    ForeignKeyConstraint(
        ["organization", "project", "folder"],
        ["secrets_folders.organization", "secrets_folders.project", "secrets_folders.id"],
    ),
)

#: `value` and `notes` are sealed, and NULL once destroyed. `commit_id` is the commit that wrote it.
VERSIONS = Table(
    "secrets_versions",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("secret", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("value", LargeBinary),
    Column("notes", LargeBinary),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("commit_id", Text, nullable=False),
    Column("destroyed_at", BigInteger),
    ForeignKeyConstraint(
        ["organization", "project", "secret"],
        ["secrets_secrets.organization", "secrets_secrets.project", "secrets_secrets.id"],
    ),
)

COMMITS = Table(
    "secrets_commits",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("organization", "project", "number", name="uq_secrets_commits_number"),
)

#: `environment` is the id, `environment_slug` what it was called; a commit outlives what it speaks of.
COMMIT_CHANGES = Table(
    "secrets_commit_changes",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("commit_id", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("action", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("environment_slug", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["organization", "project", "commit_id"],
        ["secrets_commits.organization", "secrets_commits.project", "secrets_commits.id"],
    ),
    Index(
        "ix_secrets_commit_changes_place",
        "organization",
        "project",
        "environment",
        "path",
        "name",
        "commit_id",
    ),
)

#: One row a project: the number of its last commit. Its lock puts commits into one order.
COMMIT_NUMBERS = Table(
    "secrets_commit_numbers",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)

#: `folder` shows what lies in `path` of `environment`, which is an id; neither has to be there yet.
IMPORTS = Table(
    "secrets_imports",
    METADATA,
    Column("organization", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("folder", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("mac_version", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint(
        "organization", "project", "folder", "environment", "path", name="uq_secrets_imports_source"
    ),
    ForeignKeyConstraint(
        ["organization", "project", "folder"],
        ["secrets_folders.organization", "secrets_folders.project", "secrets_folders.id"],
    ),
)
