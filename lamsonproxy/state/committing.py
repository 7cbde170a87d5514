"""The end of a transaction: its last statements and the commit, in one exchange where the driver can do that.

    with committing(connection):
        connection.execute(insert(...), ...)
        connection.execute(update(...), ...)

Law: nobody in the block looks at an answer: there is none before the block is left. What the database refuses is raised
by then at the latest, as SQLAlchemy raises it; what stands behind the refused one was not done, and neither was the
commit. A driver that cannot send before it was answered does one after the other.

PostgreSQL 32.5 (Pipeline Mode); psycopg, "Pipeline mode support".
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only


@contextmanager
def committing(connection: Connection) -> Iterator[None]:
    """What is executed in this block goes to the database together with the commit."""
    pipeline = _pipeline(connection)
    if pipeline is None:
        yield
    else:
        with pipeline:
            yield
            pipeline.commit()
        # To the driver this is over; SQLAlchemy has to hear of it.
    commit(connection)


def commit(connection: Connection) -> None:
    """Commit, or part with the connection: to SQLAlchemy a transaction is over when COMMIT has failed, whereas SQLite
    keeps it, and the connection would go back to the pool with all its locks (SQLite, "Transactions")."""
    try:
        connection.commit()
    except BaseException:
        connection.invalidate()
        raise


def is_as_it_was(connection: Connection) -> bool:
    """Whether a connection still does as it is told. A handler can get at the driver: in a pipeline that he has left
    open nothing is answered any more, and with `autocommit` nothing is undone."""
    if not _has_pipelines(connection):
        return True
    driver: Any = connection.connection.driver_connection
    return not (driver.pgconn.pipeline_status or driver.autocommit)


def _has_pipelines(connection: Connection) -> bool:
    return connection.dialect.driver in ("psycopg", "psycopg_async")


def _pipeline(connection: Connection) -> "_Pipeline | None":
    if not _has_pipelines(connection):
        return None
    # Here, because whoever has another database need not have this driver.
    import psycopg

    return _Pipeline(connection, psycopg) if psycopg.Pipeline.is_supported() else None


class _Pipeline:
    """psycopg's, entered and left in a thread or below a greenlet. Raises DBAPIError."""

    def __init__(self, connection: Connection, psycopg: Any) -> None:
        driver: Any = connection.connection.driver_connection
        self._driver = driver
        self._psycopg = psycopg
        self._is_async = connection.dialect.is_async
        self._pipeline = driver.pipeline()
        self._ending: Any = None
        """The cursor of COMMIT, once it was sent."""

    def __enter__(self) -> None:
        with self._as_sqlalchemy():
            self._do(self._pipeline.__aenter__ if self._is_async else self._pipeline.__enter__)

    def commit(self) -> None:
        """Send COMMIT behind what was sent."""
        with self._as_sqlalchemy():
            self._ending = self._driver.cursor()
            self._do(self._ending.execute, "COMMIT")

    def __exit__(self, *raised: Any) -> None:
        with self._as_sqlalchemy():
            self._do(self._pipeline.__aexit__ if self._is_async else self._pipeline.__exit__, *raised)
            if self._ending is not None and not self._is_committed:
                # Of a transaction that had failed before COMMIT makes a rollback, and no error (PostgreSQL, COMMIT).
                raise self._psycopg.errors.InFailedSqlTransaction("the transaction had failed before")

    @property
    def _is_committed(self) -> bool:
        return self._ending is not None and self._ending.statusmessage == "COMMIT"

    def _do(self, act: Callable[..., Any], *arguments: Any) -> None:
        if self._is_async:
            await_only(act(*arguments))
        else:
            act(*arguments)

    @contextmanager
    def _as_sqlalchemy(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as error:
            # What failed behind a COMMIT that was answered is no refusal of it: let it be looked up.
            is_lost = bool(self._driver.closed) or self._is_committed
            raise DBAPIError(
                None, None, error, hide_parameters=True, connection_invalidated=is_lost
            ) from error
