"""What a test holds: the application, the people who write to it, what was sent, and the time.

Law: for tests without a loop and with one; every call waits until all that follows from it is done. A world has its own
database and its own folder, and knows of no other.
"""

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import MappingProxyType, ModuleType, TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy.orm import Session

from lamsonproxy.app.application import App
from lamsonproxy.config import Settings
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import ConversationKey
from lamsonproxy.mail.correspondent import folded, known_as
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import Xforward
from lamsonproxy.mail.fields import mailbox
from lamsonproxy.mail.reply import Reply, from_lines
from lamsonproxy.mail.wire import canonical
from lamsonproxy.state.engines import make_engine
from lamsonproxy.testing.clock import MovedClock
from lamsonproxy.testing.correspondent import Correspondent
from lamsonproxy.testing.house import House
from lamsonproxy.testing.letter import Letter
from lamsonproxy.testing.log import Lines
from lamsonproxy.testing.store import Store
from lamsonproxy.testing.turning import Turning
from lamsonproxy.testing.writing import write_mail

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_T = TypeVar("_T")


class World:
    """One application and everybody around it. A context: leave it, and it is over."""

    def __init__(self, app: App, settings: Settings, database: str, folder: Path) -> None:
        """`database` is the URL of one that nobody else uses. Raises AppError, ConfigError and StoreError."""
        self._app, self._settings, self._database, self._folder = app, settings, database, folder
        self._clock = MovedClock()
        self._log = Lines()
        self._heard_of = 0
        """Lines of the log before the last mail or move of the clock."""
        self._numbers = count(1)
        self._last: tuple[Envelope, bytes] | None = None
        self._correspondents: dict[str, Correspondent] = {}
        self._is_looked_at = False

    def __enter__(self) -> Self:
        self._log.listen()
        self._turning = Turning()
        try:
            self._house = self._turning.do(self._built())
        except BaseException:
            self._turning.stop()
            self._log.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._turning.do(self._house.close())
        finally:
            self._turning.stop()
            self._log.close()

    async def _built(self) -> House:
        house = House(self._app, self._settings, self._database, self._folder, self._clock)
        await house.open()
        return house

    # -- mail ------------------------------------------------------------------------------------------------

    def correspondent(self, address: str) -> Correspondent:
        """Somebody with this address, `local@domain` or `Name <local@domain>`; always the same one."""
        known = mailbox(address)
        own = folded(known.address)
        if own not in self._correspondents:
            self._correspondents[own] = Correspondent(self, known.address, shown=address)
        return self._correspondents[own]

    def send(
        self,
        from_: str,
        to: str | Sequence[str],
        *,
        raw: bytes = b"",
        subject: str = "",
        text: str = "",
        html: str = "",
        headers: Mapping[str, str] = _NO_HEADERS,
        shown_from: str = "",
        answers: Letter | None = None,
    ) -> Sequence[Reply]:
        """Send the application a mail, written as the words say or whole (`raw`), from an envelope sender ("" for
        a bounce's). The reply to each recipient."""
        recipients = [to] if isinstance(to, str) else list(to)
        number = next(self._numbers)
        self._heard_of = len(self._log.lines)
        content = canonical(raw) or write_mail(
            shown_from or from_ or "MAILER-DAEMON@mx.example",
            ", ".join(recipients),
            subject=subject,
            text=text,
            html=html,
            message_id=f"<{number}.world@mx.example>",
            date=self._clock.now(),
            answers=answers,
            headers=headers,
        )
        envelope = Envelope(
            Address(from_.strip("<>")),
            tuple(Recipient(Address(recipient)) for recipient in recipients),
            # Postfix's queue id: the same octets again are another mail, and not one that is tried again.
            xforward=Xforward((("IDENT", f"WORLD{number}"),)),
        )
        self._last = envelope, content
        return self._do(self._house.receive(envelope, content))

    def again(self) -> Sequence[Reply]:
        """Send the last mail again, as Postfix does after a 4xx, or where our answer was lost: its key is the same. The
        reply to each recipient."""
        if self._last is None:
            raise AssertionError("Nobody has written yet.")
        self._heard_of = len(self._log.lines)
        return self._do(self._house.receive(*self._last))

    @property
    def sent(self) -> Sequence[Letter]:
        """All that left: relayed, written by handlers, DSNs; in order."""
        return tuple(self._house.downstream.letters)

    @property
    def relayed(self) -> Sequence[Letter]:
        """What passed through."""
        return tuple(letter for letter in self.sent if letter.was_relayed)

    @property
    def quarantined(self) -> Sequence[Letter]:
        """What is in quarantine."""
        kept = map(self._house.quarantine.read, self._house.quarantine.names())
        return tuple(Letter(each.envelope, each.content, reason=each.reason) for each in kept)

    def downstream_says(self, reply: str, to: str) -> None:
        """From now on Postfix says this to RCPT of an address: "550 5.1.1 No such user"."""
        code, _, text = reply.partition(" ")
        self._house.downstream.replies[folded(Address(to))] = from_lines(int(code), [text])

    # -- time ------------------------------------------------------------------------------------------------

    def later(self, **delta: float) -> None:
        """Let time pass, as in `later(days=3)`. What becomes due is done when it is due. AssertionError when something
        of that fails: nobody else would say so."""
        __tracebackhide__ = True
        end = self._clock.now() + timedelta(**delta)
        self._heard_of, failed = len(self._log.lines), len(self._log.errors)
        store = self._house.store
        while store and (due := self._do(store.next_due(self._clock.now()))) and due <= end:
            self._clock.move_to(due)
            self._do(self._house.work())
            if errors := self._log.errors[failed:]:
                raise AssertionError("\n".join([f"Something failed at {due:%Y-%m-%d %H:%M:%S}:", *errors]))
        self._clock.move_to(end)
        if store:
            self._do(store.forget_old())

    # -- the database ----------------------------------------------------------------------------------------

    def state(self, address: str, machine: str | ModuleType | Callable[..., Any], key: str = "") -> str:
        """Where a correspondent stands: the name of a state function. The machine is its module, or any function of
        it; `key` is what the module's STATE_KEY gives."""
        name = _module_of(machine)
        machines = self._house.routes.machines
        if name not in machines.machines:
            known = ", ".join(machines.machines) or "none"
            raise AssertionError(f"There is no machine {name}; there are: {known}.")
        if machines.key_parts(name) and not key:
            raise AssertionError(f"{name} has a STATE_KEY: say which conversation, key=...")
        conversation = ConversationKey(name, key, known_as(mailbox(address).address))
        return self._do(self._store.state_of(conversation))

    @contextmanager
    def db(self) -> Iterator[Session]:
        """A session of the database, to look at rows or to put some there; committed at the end."""
        engine = make_engine(self._store.settings, has_pool=False)
        self._is_looked_at = True
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                yield session
        finally:
            self._is_looked_at = False

    # -- within ----------------------------------------------------------------------------------------------

    @property
    def recent_log(self) -> Sequence[str]:
        """The lines of the mail log since the last mail was sent or the clock was moved."""
        return self._log.lines[self._heard_of :]

    @property
    def _store(self) -> Store:
        if self._house.store is None:
            raise AssertionError(
                "The application has no database: no state functions, no `database` in lamson.toml."
            )
        return self._house.store

    def _do(self, act: Coroutine[Any, Any, _T]) -> _T:
        if self._is_looked_at:
            act.close()
            # SQLite has one writer: who waits here would wait for himself.
            raise AssertionError("Leave `with world.db()` before anything else happens.")
        return self._turning.do(act)


def _module_of(machine: str | ModuleType | Callable[..., Any]) -> str:
    if isinstance(machine, str):
        return machine
    return machine.__name__ if isinstance(machine, ModuleType) else machine.__module__
