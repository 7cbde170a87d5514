"""The end of a transaction: its last statements and the commit, in one exchange where the driver can do that.

    with committing(connection):
        connection.execute(insert(...), ...)
        connection.execute(update(...), ...)

Law: nobody in the block looks at an answer: there is none before the block is left. What the database refuses is raised
by then at the latest, as SQLAlchemy raises it; what stands behind the refused one was not done, and neither was the
commit. A driver that cannot send before it was answered does one after the other.

PostgreSQL 32.5 (Pipeline Mode); psycopg, "Pipeline mode support".
"""

from collections.abc import Iterator
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
            connection.exec_driver_sql("COMMIT")
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


def _pipeline(connection: Connection) -> "_Pipeline | None":
    if connection.dialect.driver not in ("psycopg", "psycopg_async"):
        return None
    # Here, because whoever has another database need not have this driver.
    import psycopg

    return _Pipeline(connection, psycopg.Error) if psycopg.Pipeline.is_supported() else None


class _Pipeline:
    """psycopg's, entered and left in a thread or below a greenlet. Raises DBAPIError."""

    def __init__(self, connection: Connection, error: type[Exception]) -> None:
        driver: Any = connection.connection.driver_connection
        self._driver = driver
        self._error = error
        self._is_async = connection.dialect.is_async
        self._pipeline = driver.pipeline()

    def __enter__(self) -> None:
        if self._is_async:
            await_only(self._pipeline.__aenter__())
        else:
            self._pipeline.__enter__()

    def __exit__(self, *raised: Any) -> None:
        try:
            if self._is_async:
                await_only(self._pipeline.__aexit__(*raised))
            else:
                self._pipeline.__exit__(*raised)
        except self._error as error:
            is_lost = bool(self._driver.closed)
            raise DBAPIError(
                None, None, error, hide_parameters=True, connection_invalidated=is_lost
            ) from error
