"""Run by Alembic, on the connection that `review_server.store` hands it."""

from alembic import context

from review_server.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
