"""The tables: what a database of ours looks like, in SQLAlchemy's generic terms.

    lamson_conversation   who stands where; no row is START
    lamson_transition     each step ever made, only added to
    lamson_settled        our answer to each mail that had a transaction, by settled key (design law 3)
    lamson_outbox         generated mail on its way, at most 100 recipients a row; its octets in lamson_content
    lamson_content        the octets of outgoing mail, once for all rows that carry them
    lamson_confirmation   questions that wait for their answer
    lamson_timer          what is to happen where nothing happens
    lamson_failure        how often a mail's handlers failed, counted outside their transactions
    lamson_automatic      when somebody was sent an automatic mail, for the hourly limit

Law: nothing here knows one database from another, but for what MySQL's family wants to be told: two types, and that
letters are all letters and differ by their case, whatever the server's default is. Times are
UTC without a zone. What strangers can make long or odd (addresses, keys) is escaped and shortened for people to read;
rows are found by the digest of the whole. The names begin with `lamson_`, because the application's own tables may
stand beside them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.dialects import mysql

WORDS = 255
"""Characters of a machine, a state, a route."""
SHOWN = 320
"""Characters shown of an address or a key; RFC 5321 §4.5.3.1 allows an address 254."""

DIGEST = String(64)
_Octets = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
# SQLite counts up only what it calls INTEGER, and gives the number of a deleted last row again unless it is told
# `sqlite_autoincrement`: a mail that takes the number of one that was just sent would be taken for it.
_Number = BigInteger().with_variant(Integer(), "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """A moment; stored in UTC, given back with its zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


# InnoDB alone has transactions; and a database's default may be Latin-1, or a collation to which START is Start.
_MARIADB = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
_OPTIONS: Mapping[str, Any] = {
    f"{name}_{option}": word for name in ("mysql", "mariadb") for option, word in _MARIADB.items()
}

metadata = MetaData()

conversation = Table(
    "lamson_conversation",
    metadata,
    Column("id", DIGEST, primary_key=True),
    Column("machine", String(WORDS), nullable=False),
    Column("key", String(SHOWN), nullable=False),
    Column("correspondent", String(SHOWN), nullable=False),
    Column("state", String(WORDS), nullable=False),
    Column("is_confirmed", Boolean, nullable=False, server_default=false()),
    Column("moved_at", UtcTime, nullable=False),
    Index("lamson_conversation_state", "machine", "state"),
    Index("lamson_conversation_correspondent", "correspondent"),
    **_OPTIONS,
)

transition = Table(
    "lamson_transition",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("conversation", DIGEST, nullable=False),
    Column("machine", String(WORDS), nullable=False),
    Column("key", String(SHOWN), nullable=False),
    Column("correspondent", String(SHOWN), nullable=False),
    Column("old", String(WORDS), nullable=False),
    Column("new", String(WORDS), nullable=False),
    Column("route", String(WORDS), nullable=False),
    Column("trace", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("lamson_transition_conversation", "conversation", "id"),
    Index("lamson_transition_correspondent", "correspondent"),
    Index("lamson_transition_at", "at"),
    sqlite_autoincrement=True,
    **_OPTIONS,
)

settled = Table(
    "lamson_settled",
    metadata,
    Column("key", DIGEST, primary_key=True),
    Column("code", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("trace", String(32), nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("lamson_settled_at", "at"),
    **_OPTIONS,
)

content = Table(
    "lamson_content",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("octets", _Octets, nullable=False),
    sqlite_autoincrement=True,
    **_OPTIONS,
)

outbox = Table(
    "lamson_outbox",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("content", _Number, ForeignKey("lamson_content.id"), nullable=False),
    # "" for mail of no conversation, which keeps no order.
    Column("conversation", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("envelope", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("trace", String(32), nullable=False),
    Column("written_at", UtcTime, nullable=False),
    # Not due any more once it is dead: then `reply` tells why, and it waits for an operator.
    Column("is_dead", Boolean, nullable=False, server_default=false()),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("reply", Text, nullable=False, server_default=""),
    # Who is sending it, and until when nobody else may.
    Column("lease", String(32), nullable=False, server_default=""),
    Column("lease_until", UtcTime),
    Index("lamson_outbox_due", "is_dead", "due_at"),
    Index("lamson_outbox_conversation", "conversation", "id"),
    Index("lamson_outbox_content", "content"),
    sqlite_autoincrement=True,
    **_OPTIONS,
)

confirmation = Table(
    "lamson_confirmation",
    metadata,
    Column("id", DIGEST, primary_key=True),
    Column("name", String(WORDS), nullable=False),
    Column("target", String(SHOWN), nullable=False),
    # The digest of the whole address: it is what questions are looked up by.
    Column("correspondent", DIGEST, nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("envelope", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("octets", _Octets, nullable=False),
    Index("lamson_confirmation_correspondent", "correspondent"),
    Index("lamson_confirmation_expires", "expires_at"),
    **_OPTIONS,
)

timer = Table(
    "lamson_timer",
    metadata,
    # The conversation's id; all of the key is in `timer`, where nothing is shortened.
    Column("conversation", DIGEST, primary_key=True),
    Column("due_at", UtcTime, nullable=False),
    Column("timer", Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    Column("lease_until", UtcTime),
    Index("lamson_timer_due", "due_at"),
    **_OPTIONS,
)

failure = Table(
    "lamson_failure",
    metadata,
    Column("key", DIGEST, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("lamson_failure_at", "at"),
    **_OPTIONS,
)

automatic = Table(
    "lamson_automatic",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    # The digest of the address: the limit needs no list of people.
    Column("recipient", DIGEST, nullable=False),
    Column("at", UtcTime, nullable=False),
    Index("lamson_automatic_recipient", "recipient", "at"),
    Index("lamson_automatic_at", "at"),
    sqlite_autoincrement=True,
    **_OPTIONS,
)


def shown(text: str, limit: int = SHOWN) -> str:
    """A text as every database can keep it: what no UTF-8 can say and NUL escaped, and shortened."""
    safe = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\x00")
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
