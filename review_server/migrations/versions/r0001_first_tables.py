"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "exams",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exams")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("desk_run", number, nullable=False),
        sa.Column("issued_utc_ms", number, nullable=False),
        sa.Column("expires_utc_ms", number, nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_table(
        "runs",
        sa.Column("number", number, nullable=False),
        sa.Column("at_utc_ms", number, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_runs")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("desk_state", sa.String(32), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("booking", sa.Text(), nullable=True),
        sa.Column("exam_title", sa.Text(), nullable=False),
        sa.Column("opened_utc_ms", number, nullable=False),
        sa.Column("heard_utc_ms", number, nullable=False),
        sa.Column("head_seq", number, nullable=False),
        sa.Column("head_hash", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("gaps", number, nullable=False),
        sa.Column("dispute", sa.Text(), nullable=True),
        sa.Column("stuck", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    op.create_table(
        "stored",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", number, nullable=False),
        sa.Column("desk", sa.Text(), nullable=False),
        sa.Column("at_utc_ms", number, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_stored")),
    )
    op.create_table(
        "decisions",
        sa.Column("number", number, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_utc_ms", number, nullable=False),
        sa.Column("supersedes", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_decisions_session")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_decisions")),
        sa.UniqueConstraint("id", name=op.f("uq_decisions_id")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decisions_session"), ["session"], unique=False)

    op.create_table(
        "flags",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("technical", sa.Boolean(), nullable=False),
        sa.Column("started_ms", number, nullable=False),
        sa.Column("ended_ms", number, nullable=True),
        sa.Column("peak_score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_flags_session")),
        sa.PrimaryKeyConstraint("session", "id", name=op.f("pk_flags")),
    )
    op.create_table(
        "lines",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("seq", number, autoincrement=False, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_lines_session")),
        sa.PrimaryKeyConstraint("session", "seq", name=op.f("pk_lines")),
    )
    op.create_table(
        "moves",
        sa.Column("number", number, nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("move", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_utc_ms", number, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_moves_session")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_moves")),
    )
    with op.batch_alter_table("moves", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_moves_session"), ["session"], unique=False)

    op.create_table(
        "rivals",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_utc_ms", number, nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_rivals_session")),
        sa.PrimaryKeyConstraint("session", "hash", name=op.f("pk_rivals")),
    )
    op.create_table(
        "segments",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("seq", number, autoincrement=False, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("started_ms", number, nullable=False),
        sa.Column("ended_ms", number, nullable=False),
        sa.ForeignKeyConstraint(["session"], ["sessions.id"], name=op.f("fk_segments_session")),
        sa.PrimaryKeyConstraint("session", "seq", name=op.f("pk_segments")),
    )
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segments_sha256"), ["sha256"], unique=False)

    op.create_table(
        "sittings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("exam", sa.Text(), nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("walk_in", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["exam"], ["exams.id"], name=op.f("fk_sittings_exam")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sittings")),
    )
    op.create_table(
        "bookings",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("sitting", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=False),
        sa.Column("extra_minutes", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["sitting"], ["sittings.id"], name=op.f("fk_bookings_sitting")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_bookings")),
    )


def downgrade() -> None:
    op.drop_table("bookings")
    op.drop_table("sittings")
    with op.batch_alter_table("segments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_segments_sha256"))

    op.drop_table("segments")
    op.drop_table("rivals")
    with op.batch_alter_table("moves", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_moves_session"))

    op.drop_table("moves")
    op.drop_table("lines")
    op.drop_table("flags")
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_decisions_session"))

    op.drop_table("decisions")
    op.drop_table("stored")
    op.drop_table("sessions")
    op.drop_table("runs")
    op.drop_table("orders")
    op.drop_table("exams")
