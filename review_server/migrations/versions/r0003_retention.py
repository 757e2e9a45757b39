"""Legal holds, and recordings whose time was over."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("number", number, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_utc_ms", number, nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_holds_session")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_holds_session"), ["session"], unique=False)
    op.create_table(
        "removed",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("size", number, nullable=False),
        sa.Column("at_utc_ms", number, nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_removed_session")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_removed")),
    )
    with op.batch_alter_table("removed", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_removed_session"), ["session"], unique=False)
        batch_op.create_index(batch_op.f("ix_removed_gone"), ["gone"], unique=False)


def downgrade() -> None:
    op.drop_table("removed")
    op.drop_table("holds")
