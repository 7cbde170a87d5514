"""Conversations, their history, the outbox, questions, timers and settled mail."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
is_safe = True

# Written out, because tables.py goes on and this may not.
DIGEST = sa.String(64)
WORDS = sa.String(255)
SHOWN = sa.String(320)
TRACE = sa.String(32)
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OCTETS = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
MARIADB = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
OPTIONS: Mapping[str, Any] = {
    f"{name}_{option}": word for name in ("mysql", "mariadb") for option, word in MARIADB.items()
}
LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    _make_conversations()
    _make_outbox()
    _make_waiting()
    _make_counters()


def _make_conversations() -> None:
    op.create_table(
        "lamson_conversation",
        sa.Column("id", DIGEST, primary_key=True),
        sa.Column("machine", WORDS, nullable=False),
        sa.Column("key", SHOWN, nullable=False),
        sa.Column("correspondent", SHOWN, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("is_confirmed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("moved_at", TIME, nullable=False),
        **OPTIONS,
    )
    op.create_index("lamson_conversation_state", "lamson_conversation", ["machine", "state"])
    op.create_index("lamson_conversation_correspondent", "lamson_conversation", ["correspondent"])
    op.create_table(
        "lamson_transition",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("conversation", DIGEST, nullable=False),
        sa.Column("machine", WORDS, nullable=False),
        sa.Column("key", SHOWN, nullable=False),
        sa.Column("correspondent", SHOWN, nullable=False),
        sa.Column("old", WORDS, nullable=False),
        sa.Column("new", WORDS, nullable=False),
        sa.Column("route", WORDS, nullable=False),
        sa.Column("trace", TRACE, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("lamson_transition_conversation", "lamson_transition", ["conversation", "id"])
    op.create_index("lamson_transition_correspondent", "lamson_transition", ["correspondent"])
    op.create_index("lamson_transition_at", "lamson_transition", ["at"])


def _make_outbox() -> None:
    op.create_table(
        "lamson_content",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("octets", OCTETS, nullable=False),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_table(
        "lamson_outbox",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("content", NUMBER, sa.ForeignKey("lamson_content.id"), nullable=False),
        sa.Column("conversation", DIGEST, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("envelope", LONG_TEXT, nullable=False),
        sa.Column("trace", TRACE, nullable=False),
        sa.Column("written_at", TIME, nullable=False),
        sa.Column("is_dead", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reply", sa.Text(), nullable=False, server_default=""),
        sa.Column("lease", TRACE, nullable=False, server_default=""),
        sa.Column("lease_until", TIME),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("lamson_outbox_due", "lamson_outbox", ["is_dead", "due_at"])
    op.create_index("lamson_outbox_conversation", "lamson_outbox", ["conversation", "id"])
    op.create_index("lamson_outbox_content", "lamson_outbox", ["content"])


def _make_waiting() -> None:
    op.create_table(
        "lamson_confirmation",
        sa.Column("id", DIGEST, primary_key=True),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("target", SHOWN, nullable=False),
        sa.Column("correspondent", DIGEST, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("envelope", LONG_TEXT, nullable=False),
        sa.Column("octets", OCTETS, nullable=False),
        **OPTIONS,
    )
    op.create_index("lamson_confirmation_correspondent", "lamson_confirmation", ["correspondent"])
    op.create_index("lamson_confirmation_expires", "lamson_confirmation", ["expires_at"])
    op.create_table(
        "lamson_timer",
        sa.Column("conversation", DIGEST, primary_key=True),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("timer", LONG_TEXT, nullable=False),
        sa.Column("lease_until", TIME),
        **OPTIONS,
    )
    op.create_index("lamson_timer_due", "lamson_timer", ["due_at"])


def _make_counters() -> None:
    op.create_table(
        "lamson_settled",
        sa.Column("key", DIGEST, primary_key=True),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("trace", TRACE, nullable=False),
        sa.Column("at", TIME, nullable=False),
        **OPTIONS,
    )
    op.create_index("lamson_settled_at", "lamson_settled", ["at"])
    op.create_table(
        "lamson_failure",
        sa.Column("key", DIGEST, primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        **OPTIONS,
    )
    op.create_index("lamson_failure_at", "lamson_failure", ["at"])
    op.create_table(
        "lamson_automatic",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("recipient", DIGEST, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("lamson_automatic_recipient", "lamson_automatic", ["recipient", "at"])
    op.create_index("lamson_automatic_at", "lamson_automatic", ["at"])
