"""What foreign exceptions mean: one place where a driver's words become ours.

    CONFLICT    a deadlock or a serialisation failure: done again, it may well succeed
    LOST        the connection is gone, and with it the transaction
    WAITED      a lock did not come free in time
    DUPLICATE   somebody else has inserted the same row
    OTHER       whatever else a database says

Law: no parameter, no value of a row and no password gets into a text: of what the server said only the first line is
taken, because the lines below it (PostgreSQL's DETAIL) quote values, and of MariaDB's not what stands in quotation
marks. Nothing else in this package catches what a library raises.

PostgreSQL, appendix A (error codes); SQLite, "Result and Error Codes"; MariaDB, "MariaDB Error Codes".
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lamsonproxy.errors import ConflictError, LamsonError, StoreError

TEXT_LIMIT = 200
"""Characters of the server's own words."""


class Trouble(Enum):
    CONFLICT = "two transactions met"
    LOST = "the connection to the database was lost"
    WAITED = "somebody else held a lock for too long"
    DUPLICATE = "somebody else has written the same meanwhile"
    OTHER = "the database refused"


_BY_SQLSTATE = {
    "40001": Trouble.CONFLICT,
    "40P01": Trouble.CONFLICT,
    "55P03": Trouble.WAITED,
    "23505": Trouble.DUPLICATE,
    # The server ends our session: shut down, crashed beside us, an administrator, or an idle transaction.
    "57P01": Trouble.LOST,
    "57P02": Trouble.LOST,
    "57P03": Trouble.LOST,
    "25P03": Trouble.LOST,
}
_BY_SQLITE_NAME = {
    "SQLITE_CONSTRAINT_UNIQUE": Trouble.DUPLICATE,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Trouble.DUPLICATE,
    # Our transactions are writers from their first statement on, so this is a wait that ended, never a lost race.
    "SQLITE_BUSY": Trouble.WAITED,
    "SQLITE_LOCKED": Trouble.WAITED,
    "SQLITE_BUSY_SNAPSHOT": Trouble.CONFLICT,
}
_BY_MYSQL_CODE = {
    1213: Trouble.CONFLICT,
    # Somebody has changed the row since our snapshot (innodb_snapshot_isolation).
    1020: Trouble.CONFLICT,
    1205: Trouble.WAITED,
    1062: Trouble.DUPLICATE,
    # The server ends: our session, or itself.
    1053: Trouble.LOST,
    1927: Trouble.LOST,
}


def trouble_of(error: BaseException) -> Trouble:
    """What kind of trouble a library's exception tells of."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return Trouble.LOST
        return trouble_of_driver(error.orig)
    return Trouble.OTHER


def trouble_of_driver(error: BaseException | None) -> Trouble:
    """The same for what a driver raised."""
    if isinstance(error, sqlite3.Error):
        return _BY_SQLITE_NAME.get(getattr(error, "sqlite_errorname", ""), Trouble.OTHER)
    # Before the SQLSTATE: MariaDB's drivers have both, and its own codes tell more.
    code = error.args[0] if error is not None and error.args else None
    if isinstance(code, int):
        return _BY_MYSQL_CODE.get(code, Trouble.OTHER)
    sqlstate = getattr(error, "sqlstate", None)
    return _BY_SQLSTATE.get(sqlstate, Trouble.OTHER) if isinstance(sqlstate, str) else Trouble.OTHER


@contextmanager
def foreign(act: str) -> Iterator[None]:
    """Raise what is foreign as StoreError or ConflictError: `act` says what we were about to do."""
    try:
        yield
    except LamsonError:
        raise
    except PoolTimeout:
        raise StoreError(f"{act}: no connection came free in time") from None
    except SQLAlchemyError as error:
        raise store_error(act, error) from error
    except OSError as error:
        # asyncmy and aiosqlite let those of their sockets and files through.
        raise StoreError(f"{act}: {error.strerror or type(error).__name__}") from error


def store_error(act: str, error: SQLAlchemyError) -> StoreError:
    trouble = trouble_of(error)
    said = error.orig if isinstance(error, DBAPIError) else error
    words = f"{act}: {trouble.value}: {_first_line(said)}"
    is_conflict = trouble in (Trouble.CONFLICT, Trouble.LOST, Trouble.DUPLICATE)
    return ConflictError(words) if is_conflict else StoreError(words)


def _first_line(error: BaseException | None) -> str:
    lines = _words(error).strip().splitlines()
    return lines[0][:TEXT_LIMIT] if lines else type(error).__name__


def _words(error: BaseException | None) -> str:
    """MariaDB's drivers give a number and a text: "Duplicate entry 'alice@example.org' for key 'PRIMARY'"."""
    match error.args if error is not None else ():
        case (int(code), str(text)):
            return f"{code} " + _QUOTED.sub("'…'", text)
    return str(error)


# From the first quotation mark to the last, or to the end; those inside a word are apostrophes.
_QUOTED = re.compile(r"(?<!\w)'(?:.*'(?!\w)|.*)", re.DOTALL)
