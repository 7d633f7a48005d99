"""Alembic's environment: runs on the connection, and in the transaction, that it is given."""

from alembic import context

from dashcam.store.schema import VERSION_TABLE
from dashcam.store.table import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=False,
)
context.run_migrations()
