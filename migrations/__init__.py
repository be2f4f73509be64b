"""One linear Alembic history that runs on SQLite and on PostgreSQL; installed with the package."""
