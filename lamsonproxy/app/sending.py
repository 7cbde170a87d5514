"""What handlers send: answers, mail of their own, and mail sent on.

Law: nothing leaves here, and nothing is asked of the database: each act appends to the effects of its mail, and what
stands there leaves with the commit or never (design law 4). An answer is sent with manners, or withheld with a reason
(`mail/manners.py`) of which the caller hears by False. What cannot be written is refused by `compose`.

RFC 3834 §3 (how automatic mail looks), RFC 3461 §5.2.7.1 (a list answers for its own bounces), RFC 6152 and 6531 (what
the content needs of every host on the way).
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lamsonproxy.app.given import given_address, given_recipient
from lamsonproxy.app.scene import Effects, Scene
from lamsonproxy.errors import AppError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.answering import references_for, reply_subject
from lamsonproxy.mail.compose import AnyMailbox, Mailboxes, compose
from lamsonproxy.mail.conversation import Outgoing, OutgoingKind
from lamsonproxy.mail.correspondent import reachable
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.entity import Attachment
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import Params
from lamsonproxy.mail.fields import Mailbox, mailbox
from lamsonproxy.mail.headers import find_head
from lamsonproxy.mail.manners import has_mark_of, mark_of, why_not
from lamsonproxy.mail.rendered import Rendered
from lamsonproxy.mail.verp import encode

if TYPE_CHECKING:
    from lamsonproxy.app.mail import Mail

TOO_MANY = "too many within an hour"
"""Beside the reasons of `why_not`."""
A_BOUNCE = "a bounce is not sent on"
IN_A_LOOP = "it was sent on from here before"

LOCAL_LIMIT = 64
"""Octets of a local part (RFC 5321 §4.5.3.1.1)."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a mail says: by a template and what it shows, or in plain words."""

    template: str | None = None
    text: str = ""
    html: str = ""
    variables: Mapping[str, object] = field(default_factory=dict)
    attachments: Sequence[Attachment] = ()

    def __post_init__(self) -> None:
        if self.template is None and not (self.text or self.html):
            raise AppError("A mail needs a template, or a text.")
        if self.template is None and self.variables:
            raise AppError(f"Without a template nobody reads {', '.join(sorted(self.variables))}.")
        if self.template is not None and (self.text or self.html):
            raise AppError(
                f"The template {self.template} gives the text; text and html are for mail without one."
            )


class Sending:
    """What the handlers of one mail may send, at one scene."""

    def __init__(self, mail: "Mail", scene: Scene, effects: Effects) -> None:
        self.mail = mail
        self.scene = scene
        self.effects = effects

    def answer(
        self,
        kind: OutgoingKind,
        words: Words,
        *,
        from_: AnyMailbox | None = None,
        reply_to: Mailboxes = (),
        subject: str | None = None,
        sender: str | Address = "",
        verp: bool | None = None,
    ) -> bool:
        """Answer the correspondent automatically; False where manners forbid it. Raises AppError and ValueError."""
        mail, to = self.mail, reachable(self.mail.sender)
        return_path = given_address(sender)
        reason = why_not(mail.message, to, mail.recipient)
        if self._withhold(reason or ("" if self._answers_left else TOO_MANY)):
            return False
        in_reply_to, references = references_for(mail.message)
        content = self._compose(
            words,
            to=to,
            from_=mail.recipient if from_ is None else from_,
            reply_to=reply_to,
            subject=reply_subject(mail.message.subject) if subject is None else subject,
            in_reply_to=in_reply_to,
            references=references,
            # A timer's mail has no message, and answers nothing (RFC 3834 §5).
            auto_submitted="auto-replied" if mail.original else "auto-generated",
        )
        is_international = not _head(content).isascii()
        for from_whom, group in self._grouped(return_path, [to], verp):
            self._put(kind, from_whom, group, content, is_international=is_international)
        return True

    def own(
        self,
        words: Words,
        *,
        to: Mailboxes,
        cc: Mailboxes = (),
        from_: AnyMailbox,
        subject: str = "",
        sender: str | Address = "",
        verp: bool | None = None,
    ) -> None:
        """Send a mail of the application's own. Raises AppError and ValueError."""
        recipients = _recipients(mailbox(each).address for each in (*_several(to), *_several(cc)))
        if not recipients:
            raise ValueError("a mail goes to somebody")
        return_path = given_address(sender)
        content = self._compose(
            words, to=to, cc=cc, from_=from_, subject=subject, auto_submitted="auto-generated"
        )
        is_international = not _head(content).isascii()
        for from_whom, group in self._grouped(return_path, recipients, verp):
            self._put("send", from_whom, group, content, is_international=is_international)

    def on(self, to: Iterable[str | Address], *, sender: str | Address, verp: bool | None = None) -> bool:
        """Send the mail on, as it is now; False where that could go round. Raises ValueError."""
        mail = self.mail
        recipients, return_path = _recipients(to), given_address(sender)
        has_been_here = has_mark_of(mail.message, mail.recipient)
        if self._withhold(A_BOUNCE if not mail.sender else IN_A_LOOP if has_been_here else ""):
            return False
        if recipients:
            content = _marked(b"".join(mail.edits.content.parts()), mail.recipient)
            came_as = mail._received.envelope.params
            is_international = came_as.get("SMTPUTF8") is not None
            for from_whom, group in self._grouped(return_path, recipients, verp):
                self._put("send_on", from_whom, group, content, is_international=is_international)
        return True

    @property
    def _answers_left(self) -> bool:
        given = sum(outgoing.is_automatic for outgoing in self.effects.outgoing)
        return given < self.scene.replies_left

    def _withhold(self, reason: str) -> bool:
        if reason and reason not in self.effects.withheld:
            self.effects.withheld.append(reason)
        return bool(reason)

    def _compose(self, words: Words, **fields: Any) -> bytes:
        body = self._render(words)
        return compose(
            **fields,
            headers=body.headers,
            text=body.text,
            html=body.html,
            images=body.images,
            attachments=words.attachments,
            date=self.scene.now,
            message_id=f"<{secrets.token_hex(16)}@{self.scene.hostname}>",
        )

    def _render(self, words: Words) -> Rendered:
        """A variable goes before a capture of its name; `mail` is always the mail."""
        scene = self.scene
        if words.template is None:
            return Rendered((), words.text, words.html)
        if scene.templates is None:
            raise AppError(
                f'No template {words.template}: the App has no folder of them, App(..., templates="...").'
            )
        return scene.templates.render(
            words.template, {**scene.captures, **words.variables, "mail": self.mail}
        )

    def _grouped(
        self, sender: Address, recipients: Sequence[Address], verp: bool | None
    ) -> Iterator[tuple[Address, Sequence[Address]]]:
        """Who gets the mail from which sender. Raises ValueError where VERP was asked for and cannot take them."""
        if sender and not (self.scene.verp if verp is None else verp):
            yield sender, recipients
            return
        # A bounce has one recipient, so many a host refuses mail from <> to several (reject_multi_recipient_bounce).
        for recipient in recipients:
            yield _return_path(sender, recipient, is_asked_for=bool(verp)), [recipient]

    def _put(
        self,
        kind: OutgoingKind,
        sender: Address,
        recipients: Sequence[Address],
        content: bytes,
        *,
        is_international: bool,
    ) -> None:
        needs_utf8 = is_international or any(address.needs_smtputf8 for address in (sender, *recipients))
        needs = ["SMTPUTF8"] * needs_utf8 + ["BODY=8BITMIME"] * (not content.isascii())
        envelope = Envelope(sender, tuple(map(Recipient, recipients)), Params(tuple(needs)))
        conversation = self.scene.conversation
        of_whom = "" if conversation is None else conversation.id
        self.effects.outgoing.append(Outgoing(envelope, content, kind, of_whom))


def _recipients(given: Iterable[str | Address]) -> list[Address]:
    """Each once, in order."""
    return list(dict.fromkeys(map(given_recipient, given)))


def _return_path(sender: Address, recipient: Address, *, is_asked_for: bool) -> Address:
    if not sender:
        return sender
    try:
        path = given_address(encode(sender.raw, recipient.spec))
    except ValueError:
        if is_asked_for:
            raise
        # The App's word is for whatever it fits: a sender with a + is one that the handler has made himself.
        return sender
    # Hosts may refuse a longer one for good, and then the mail is lost for the sake of its bounce.
    return (
        path if is_asked_for or len(path.local.encode("utf-8", "surrogateescape")) <= LOCAL_LIMIT else sender
    )


def _several(given: Mailboxes) -> Sequence[AnyMailbox]:
    return (given,) if isinstance(given, str | Address | Mailbox) else given


def _head(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[0]


def _marked(content: bytes, recipient: Address) -> bytes:
    # An mbox line, if there is one, stays first: below another field it would end the head.
    at = find_head(content, Defects()).start
    # A first line that begins with a blank would continue the mark; smtpd(8) parts them in the same way.
    gap = b"\r\n" if content[at : at + 1] in (b" ", b"\t") else b""
    return content[:at] + mark_of(recipient).raw + gap + content[at:]
