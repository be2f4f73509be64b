"""Alembic's entry: one connection, handed in by `migrations.run`; there is no offline mode."""

from alembic import context

from migrations.tables import load_all_tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=load_all_tables(),
    # SQLite changes a column by copying its table.
    render_as_batch=True,
    transactional_ddl=True,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
