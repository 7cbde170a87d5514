"""What drivers raise, in our words."""

import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lamsonproxy.errors import ConflictError, StoreError
from lamsonproxy.state.failing import Trouble, foreign, trouble_of


class SqlState(Exception):
    """As psycopg's."""

    def __init__(self, sqlstate: str | None, text: str = "it failed") -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


class MariaDb(Exception):
    """As pymysql's and asyncmy's: the code, then words; and a SQLSTATE that is the same for most."""

    sqlstate = "HY000"


class Sqlite(sqlite3.OperationalError):
    def __init__(self, name: str) -> None:
        super().__init__("it failed")
        self.sqlite_errorname = name


def wrapped(error: BaseException, *, is_lost: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, error, connection_invalidated=is_lost)


@pytest.mark.fault("B3")
@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (SqlState("40P01"), Trouble.CONFLICT),
        (SqlState("40001"), Trouble.CONFLICT),
        (SqlState("23505"), Trouble.DUPLICATE),
        (SqlState("55P03"), Trouble.WAITED),
        (SqlState("57P01"), Trouble.LOST),
        (SqlState("42P01"), Trouble.OTHER),
        (SqlState(None), Trouble.OTHER),
        (Sqlite("SQLITE_BUSY"), Trouble.WAITED),
        (Sqlite("SQLITE_FULL"), Trouble.OTHER),
        (Sqlite("SQLITE_CONSTRAINT_PRIMARYKEY"), Trouble.DUPLICATE),
        (MariaDb(1213, "Deadlock found"), Trouble.CONFLICT),
        (MariaDb(1020, "Record has changed since last read"), Trouble.CONFLICT),
        (MariaDb(1053, "Server shutdown in progress"), Trouble.LOST),
        (MariaDb(1927, "Connection was killed"), Trouble.LOST),
        (MariaDb(1205, "Lock wait timeout exceeded"), Trouble.WAITED),
        (MariaDb(1062, "Duplicate entry"), Trouble.DUPLICATE),
        (Exception(), Trouble.OTHER),
    ],
)
def test_a_trouble_is_known_by_its_code(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(wrapped(error)) is trouble


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Duplicate entry 's3cret' for key 'PRIMARY'", "Duplicate entry '…'"),
        ("Duplicate entry 's3cr\net' it\n's' for key 'PRIMARY'", "Duplicate entry '…'"),
        ("You have an error near ''s3cret", "You have an error near '…'"),
        ("Can't connect to MySQL server on '127.0.0.1' (111)", "Can't connect to MySQL server on '…' (111)"),
        ("Lock wait timeout exceeded", "Lock wait timeout exceeded"),
    ],
)
def test_what_mariadb_quotes_is_not_told(said: str, words: str) -> None:
    with pytest.raises(StoreError) as raised, foreign("the database"):
        raise wrapped(MariaDb(1, said))
    assert str(raised.value) == f"the database: the database refused: 1 {words}"


def test_a_lost_connection_is_known_whatever_the_driver_says() -> None:
    assert trouble_of(wrapped(Exception("nonsense"), is_lost=True)) is Trouble.LOST


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (wrapped(SqlState("40P01")), ConflictError),
        (wrapped(SqlState("23505")), ConflictError),
        (wrapped(SqlState("57P01")), ConflictError),
        (wrapped(SqlState("55P03")), StoreError),
        (InvalidRequestError("no"), StoreError),
        (PoolTimeout("no"), StoreError),
        (ConnectionRefusedError(111, "Connection refused"), StoreError),
        (ConflictError("ours"), ConflictError),
    ],
)
def test_what_is_foreign_leaves_as_ours(error: Exception, raised: type[Exception]) -> None:
    with pytest.raises(StoreError) as caught, foreign("the act"):
        raise error
    assert type(caught.value) is raised


def test_values_that_a_server_quotes_below_its_first_line_stay_out_of_the_text() -> None:
    error = wrapped(
        SqlState("23505", "duplicate key\nDETAIL:  Key (address)=(alice@example.org) already exists.")
    )
    with pytest.raises(ConflictError) as caught, foreign("the act"):
        raise error
    assert str(caught.value) == "the act: somebody else has written the same meanwhile: duplicate key"


def test_bugs_are_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), foreign("the act"):
        raise ZeroDivisionError
