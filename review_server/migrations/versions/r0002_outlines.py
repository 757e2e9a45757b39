"""What stored segments hold, and which camera filmed them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outlines",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("outline", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_outlines")),
    )
    op.add_column("segments", sa.Column("camera", sa.Text(), nullable=False, server_default=""))
    # The ledger says it; a desk had one camera until now.
    op.execute(
        "UPDATE segments SET camera = COALESCE((SELECT json_extract(lines.text, '$.fact.segment.camera') FROM lines "
        "WHERE lines.session = segments.session AND lines.seq = segments.seq), '')"
    )


def downgrade() -> None:
    op.drop_column("segments", "camera")
    op.drop_table("outlines")
