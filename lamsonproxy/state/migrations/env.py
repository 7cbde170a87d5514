"""How Alembic runs our revisions: on the connection that `state/schema.py` gives it, in its transaction."""

from alembic import context

from lamsonproxy.state.schema import VERSION_TABLE
from lamsonproxy.state.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # All or nothing where the database can do that; SQLite can.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
