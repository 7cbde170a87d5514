"""What a handler gets: one mail for one recipient, and a working copy to change.

Law: `sender`, `recipient` and `message` show the mail as it came, `headers` and `edits` as it will go. What a
handler changes is its recipient's private copy, and goes nowhere unless the verdict is to hand the mail on.
When the recipient has been decided, or the deadline has passed, its handlers have lost the mail: every access raises,
from whatever task or thread they have left behind, and no edit reaches the copy that was taken.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lamsonproxy.app.given import given_address, given_recipient
from lamsonproxy.app.scene import NOWHERE, Effects, Scene
from lamsonproxy.app.sending import Sending, Words
from lamsonproxy.errors import AppError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.compose import AnyMailbox, Mailboxes
from lamsonproxy.mail.content import Content
from lamsonproxy.mail.edits import EditedHeaders, Edits
from lamsonproxy.mail.entity import Attachment
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.esmtp import Params
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.part import Part
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction

if TYPE_CHECKING:
    from lamsonproxy.mail.bounce import Bounce

_TELL_NOBODY = Params(("NOTIFY=NEVER",))
"""RFC 3461 §4.1; left out on the way to a downstream that does not offer DSN."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One recipient's working copy as it was when it was taken, as the engine relays it."""

    sender: Address
    recipient: Recipient
    """The original one, or the one that the mail was redirected to."""
    added: tuple[Recipient, ...]
    content: Content

    def same_as(self, other: "Copy") -> bool:
        """Whether one relay transaction can carry both: equal in bytes and sender (design law 7)."""
        return self.sender == other.sender and self.content.same_as(other.content)

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """All that it goes to."""
        return self.recipient, *self.added

    @property
    def likeness(self) -> Hashable:
        """Equal for copies of one mail that one relay transaction can carry."""
        return self.sender, self.content.likeness


@dataclass(slots=True)
class _Work:
    """The part of a mail that changes."""

    edits: Edits
    sender: Address
    recipient: Recipient
    added: list[Recipient] = field(default_factory=list)

    def copy(self) -> Copy:
        return Copy(self.sender, self.recipient, tuple(self.added), self.edits.content)


class Mail:
    """One mail for one recipient."""

    __slots__ = (
        "_deadline",
        "_dry_run",
        "_effects",
        "_is_revoked",
        "_recipient",
        "_scene",
        "_transaction",
        "_work",
    )

    def __init__(
        self,
        transaction: Transaction,
        recipient: Recipient,
        *,
        deadline: float,
        dry_run: bool = False,
        scene: Scene = NOWHERE,
    ) -> None:
        self._transaction = transaction
        self._recipient = recipient
        self._deadline = deadline
        self._dry_run = dry_run
        self._is_revoked = False
        self._scene = scene
        self._effects = Effects()
        self._work = self._untouched()

    # -- reading ---------------------------------------------------------------------------------------------

    @property
    def sender(self) -> Address:
        """The envelope sender; `NULL_SENDER` for bounces and other reports."""
        return self._received.envelope.sender

    @property
    def recipient(self) -> Address:
        """The one envelope recipient that this mail is handled for."""
        self._check()
        return self._recipient.address

    @property
    def session(self) -> Session:
        """The connection that it came by."""
        return self._received.session

    @property
    def message(self) -> Message:
        """The message as received."""
        return self._received.message

    @property
    def text(self) -> str:
        """The plain text, as received; empty when there is none."""
        return self.message.text

    @property
    def html(self) -> str:
        """The HTML text, as received; empty when there is none."""
        return self.message.html

    @property
    def bounce(self) -> "Bounce | None":
        """What it reports of another mail; None when it is no report."""
        return self.message.bounce

    @property
    def attachments(self) -> Sequence[Part]:
        """The parts that are attachments, as received."""
        return self.message.attachments

    @property
    def original(self) -> bytes:
        """The message's octets, as received."""
        return self.message.raw

    @property
    def key(self) -> str:
        """The same for every retry of this recipient's mail and for nothing else: for effects outside."""
        return self._received.key(self._recipient)

    @property
    def deadline(self) -> float:
        """The time, by `time.monotonic()`, after which a handler has lost this mail."""
        self._check()
        return self._deadline

    @property
    def now(self) -> datetime:
        """The time of day, with its zone; in tests what `world.later` made of it."""
        self._check()
        return self._scene.now

    @property
    def dry_run(self) -> bool:
        """True when the mail goes nowhere, so effects outside should not happen either."""
        self._check()
        return self._dry_run

    @property
    def state(self) -> str:
        """The state in which the conversation is; START for a stateless handler."""
        self._check()
        return self._scene.state

    @property
    def is_confirmed(self) -> bool:
        """Whether the correspondent has answered a confirmation in this conversation."""
        self._check()
        return self._scene.is_confirmed or self._effects.is_confirmed

    @property
    def db(self) -> Any:
        """The database session in the transaction of this mail: a SQLAlchemy `Session` in `def` handlers, an
        `AsyncSession` in `async def` ones. Raises AppError where there is no database."""
        self._check()
        if self._scene.unit is None:
            raise AppError("mail.db needs a database, and the settings name none.")
        return self._scene.unit.db

    # -- changing --------------------------------------------------------------------------------------------

    @property
    def headers(self) -> EditedHeaders:
        """The header fields as they will go: read them, `add`, `insert`, `replace`, `remove`."""
        return self.edits.headers

    @property
    def edits(self) -> Edits:
        """The message as it will go, and what was changed in it."""
        return self._own.edits

    def tag_subject(self, tag: str) -> None:
        """Put a tag such as "[cooks]" in front of the subject, unless it has it. Raises ValueError like `edits`."""
        self.edits.tag_subject(tag)

    def add_footer(self, text: str, html: str = "", *, wrap: bool = False, force: bool = False) -> bool:
        """Put a footer under the text and the HTML; False, and nothing is changed, where there is no place, as in
        signed mail. `wrap` puts it beside such mail; `force` ignores signatures."""
        return self.edits.add_footer(text, html, wrap=wrap, force=force)

    def strip_attachments(self, pattern: str, note: str = "", *, force: bool = False) -> tuple[str, ...]:
        """Remove the attachments with a name that fits, or put a note in their places; give their names. Raises
        SealedError for what is signed or encrypted, unless forced."""
        return self.edits.strip_attachments(pattern, note, force=force)

    def remove_part(self, part: Part, *, force: bool = False) -> None:
        """Take one of `message.parts` out of its multipart. Raises ValueError where it cannot be, and SealedError."""
        self.edits.remove_part(part, force=force)

    def replace_part(
        self,
        part: Part,
        content: str | bytes,
        content_type: str = "",
        filename: str = "",
        *,
        force: bool = False,
    ) -> None:
        """Put a text or a file in the place of one of `message.parts`. Raises like `remove_part`."""
        self.edits.replace_part(part, content, content_type, filename, force=force)

    def replace_body(self, body: bytes) -> None:
        """Put another body below the header fields."""
        self.edits.replace_body(body)

    def redirect(self, to: str | Address) -> None:
        """Send it to another address instead of `recipient`. Raises ValueError for what is no address.

        NOTIFY and ORCPT stay: the sender hears of the recipient that it knows, as it asked (RFC 3461 §5.2.7.2).
        """
        self._own.recipient = replace(self._recipient, address=given_recipient(to))

    def add_recipient(self, to: str | Address) -> None:
        """Send it to another address too, once. Raises ValueError for what is no address.

        The sender does not know of it and hears nothing of its failure, as of Postfix's `always_bcc`.
        """
        address = given_recipient(to)
        work = self._own
        if address not in [recipient.address for recipient in work.copy().recipients]:
            work.added.append(Recipient(address, _TELL_NOBODY))

    def set_sender(self, address: str | Address) -> None:
        """Send it from another envelope sender; "" or "<>" is the null sender. Raises ValueError for what is no
        address."""
        self._own.sender = given_address(address)

    def undo(self) -> None:
        """Take back every change, those of earlier handlers too."""
        self._check()
        self._work = self._untouched()

    # -- sending (docs/sending.md): all of it leaves with the commit, or not at all ------------------------------

    def reply(
        self,
        template: str | None = None,
        *,
        from_: AnyMailbox | None = None,
        subject: str | None = None,
        text: str = "",
        html: str = "",
        attachments: Sequence[Attachment] = (),
        sender: str | Address = "",
        verp: bool | None = None,
        **variables: object,
    ) -> bool:
        """Answer the sender, from `recipient` if nothing else is said; with `verp` from a `sender` that tells whom it
        went to (docs/bounces.md), by default as the App says. False, and nothing is sent, where automatic mail has no
        business (RFC 3834). Raises ValueError and AppError for what cannot be written."""
        words = Words(template, text, html, variables, attachments)
        return self._sending.answer("reply", words, from_=from_, subject=subject, sender=sender, verp=verp)

    def send(
        self,
        template: str | None = None,
        *,
        to: Mailboxes,
        from_: AnyMailbox,
        cc: Mailboxes = (),
        subject: str = "",
        text: str = "",
        html: str = "",
        attachments: Sequence[Attachment] = (),
        sender: str | Address = "",
        verp: bool | None = None,
        **variables: object,
    ) -> None:
        """Send a mail of the application's own to anybody; `verp` as in `reply`. Raises like `reply`."""
        words = Words(template, text, html, variables, attachments)
        self._sending.own(words, to=to, cc=cc, from_=from_, subject=subject, sender=sender, verp=verp)

    def send_on(
        self, *, to: Iterable[str | Address], sender: str | Address, verp: bool | None = None
    ) -> bool:
        """Send this mail on, with its edits, as a list does; bounces go to `sender`, with `verp` (as in `reply`) to one
        made of it for each. False, and nothing is sent, where the mail is a bounce or was sent on from here before.
        Raises ValueError for what is no address."""
        return self._sending.on(to, sender=sender, verp=verp)

    # -- the engine's side -----------------------------------------------------------------------------------

    @property
    def copy(self) -> Copy:
        """The working copy as it is now, for the engine."""
        return self._work.copy()

    @property
    def effects(self) -> Effects:
        """What its handlers want beside their verdict, for the engine."""
        return self._effects

    def _enter(self, scene: Scene) -> None:
        """The next handler stands here."""
        self._scene = scene

    def _revoke(self) -> None:
        """It is decided, or the deadline has passed: whoever still holds this mail has lost it."""
        self._is_revoked = True

    def _restore(self) -> None:
        """Begin a fresh copy. What a handler that still runs holds of the old one harms nobody."""
        self._work = self._untouched()
        self._effects = Effects()

    def _untouched(self) -> _Work:
        envelope, message = self._transaction.envelope, self._transaction.message
        return _Work(Edits(message), envelope.sender, self._recipient)

    @property
    def _received(self) -> Transaction:
        self._check()
        return self._transaction

    @property
    def _own(self) -> _Work:
        # The copy first: a revocation between the two lines must not hand out the fresh one.
        work = self._work
        self._check()
        return work

    @property
    def _sending(self) -> Sending:
        # The effects first: see `_own`.
        effects = self._effects
        self._check()
        return Sending(self, self._scene, effects)

    def _check(self) -> None:
        if self._is_revoked:
            raise AppError("This mail is decided or past its deadline, and its handler has lost it.")
