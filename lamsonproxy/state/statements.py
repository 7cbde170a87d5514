"""The statements of one unit of work in their order: open, what handlers do, write, commit.

Law: design laws 3 to 5. Nobody is waited for here but the database: `unit` calls this where SQLAlchemy belongs, one
call at a time. What can be found wrong is found before the relay. What a library raises leaves as StoreError or
ConflictError, and a connection is given back whatever state it is in.
"""

import threading
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import AppError, StoreError
from lamsonproxy.mail.conversation import Asked, Found, Outgoing, Work
from lamsonproxy.mail.reply import Reply
from lamsonproxy.state import reading, writing
from lamsonproxy.state.committing import committing, is_as_it_was
from lamsonproxy.state.database import Database, Tenure
from lamsonproxy.state.failing import Trouble, foreign, store_error, trouble_of
from lamsonproxy.state.session import HandlerSession


class Statements:
    """All that one unit says to its database, from the first lock to COMMIT."""

    def __init__(self, database: Database, asked: Asked) -> None:
        self.tenure = Tenure(database.settings.lock_wait_s)
        self.connection: Connection | None = None
        """Where it is open."""
        self.found: Found | None = None
        """What was found when it was opened."""
        self.session: HandlerSession | None = None
        """The handlers', once one has asked for it."""
        self._database = database
        self._asked = asked
        self._has_timers = False
        self._settled: frozenset[str] = frozenset()
        self._is_written = False
        self._revoking = threading.Lock()
        """Between whoever ends the unit and a thread that a handler has left behind and that begins it."""

    def revoke(self) -> None:
        """From now on only we use it."""
        with self._revoking:
            self.tenure.is_revoked = True

    def refuse_when_over(self) -> None:
        """Raises AppError."""
        if self.tenure.is_revoked or self._is_written:
            raise AppError("mail.db is over: the mail that it belonged to has been answered")

    def open(self) -> None:
        """Lock, and look. Raises AppError when the mail was answered in the meantime."""
        crash_at("before-lock")
        with foreign("the database"):
            connection = self._database.connect(self.tenure)
            try:
                self.found, self._has_timers = reading.begin(connection, self._asked)
            except BaseException:
                close(connection, self.tenure)
                raise
        with self._revoking:
            is_late = self.tenure.is_revoked
            self.connection = None if is_late else connection
        if is_late:
            close(connection, self.tenure)
            self.refuse_when_over()
        crash_at("after-lock")

    def keep(self) -> None:
        """Flush what handlers did, and make it part of the unit."""
        assert self.session is not None
        with foreign("what a handler did in the database"):
            self.session.keep()

    def undo(self) -> None:
        """Undo what handlers did since `keep`."""
        assert self.session is not None
        with foreign("undoing what a handler did in the database"):
            self.session.undo()

    def write(self, work: Work) -> None:
        """Everything that can fail."""
        connection = self._flushed()
        crash_at("before-write")
        with foreign("the database"):
            self._put(connection, work, writing.check(connection, work))
        crash_at("after-write")

    def write_and_commit(self, work: Work) -> None:
        """Both in as few exchanges as there can be."""
        connection = self._flushed()
        crash_at("before-write")
        with foreign("the database"):
            contents = writing.check(connection, work)
        try:
            with committing(connection):
                self._put(connection, work, contents)
                crash_at("after-write")
                # From here on only we use it.
                self.tenure.may_end = self.tenure.is_revoked = True
                crash_at("before-commit")
        except SQLAlchemyError as error:
            self._look_up(error)
        self._end(connection)

    def commit(self, later: Sequence[Outgoing], amended: Mapping[str, Reply]) -> None:
        """The end of what was written, with what came to it after the relay."""
        connection = self.connection
        assert connection is not None
        self.tenure.may_end = True
        with foreign("the database"):
            contents = writing.keep(connection, later)
        try:
            with committing(connection):
                writing.post(connection, self._asked, later, contents)
                writing.amend(connection, amended)
                crash_at("before-commit")
        except SQLAlchemyError as error:
            self._look_up(error)
        self._end(connection)

    def _flushed(self) -> Connection:
        """The connection, with all that the handlers did."""
        connection = self.connection
        if connection is None or not connection.in_transaction():
            raise StoreError("the database: a handler has ended the transaction")
        if not is_as_it_was(connection):
            # Law 3: nothing that is sent from here on would have been tried before the relay.
            raise StoreError("the database: a handler has changed the connection, and not changed it back")
        if self.session is not None:
            self.keep()
            # What failed from here on, PostgreSQL would make a rollback of the commit, and say nothing (COMMIT).
            self._is_written = True
            _check_constraints(connection)
        return connection

    def _put(self, connection: Connection, work: Work, contents: writing.Contents) -> None:
        self._settled = frozenset(work.settled)
        standings = (self.found or Found()).standings
        writing.put(connection, self._asked, standings, work, contents, has_timers=self._has_timers)

    def _end(self, connection: Connection) -> None:
        crash_at("after-commit")
        self.connection = None
        close(connection, self.tenure)

    def _look_up(self, error: SQLAlchemyError) -> None:
        """Return when the commit has happened although its answer was lost."""
        failure = store_error("the commit", error)
        if trouble_of(error) is not Trouble.LOST:
            raise failure from error
        with foreign("the commit's outcome is unknown"), self._database.engine.connect() as connection:
            if not writing.was_committed(connection, self._asked, self._settled):
                raise StoreError(str(failure)) from error


def close(connection: Connection, tenure: Tenure) -> None:
    """Give the connection back, whatever state it is in. Never raises."""
    tenure.may_end = True
    try:
        transaction = connection.get_transaction()
        has_failed = transaction is not None and not transaction.is_active
        if not connection.invalidated and (has_failed or not is_as_it_was(connection)):
            # Something tried to end it, and failed: what the database thinks of it, nobody knows. Or the next one would
            # find it as a handler has left it.
            connection.invalidate()
        connection.close()
    except Exception as error:
        # It could not even roll back; the server does when the connection is closed, and whoever comes next will be
        # told what is wrong with the database.
        connection.invalidate(error)


def _check_constraints(connection: Connection) -> None:
    """What is deferred to the commit could fail after the relay (design law 3). Ours are none of them."""
    if connection.dialect.name == "postgresql":
        with foreign("the constraints of what a handler did"):
            connection.execute(_CHECKED)


_CHECKED = text("SET CONSTRAINTS ALL IMMEDIATE")
