"""Confirmations: a question to whoever seems to have written, and the answer that only he can give.

    joining = Confirmation("join", "confirm.mako")

    joining.ask(mail, list_name=list_name)          # cooks-confirm-<secret>@host asks
    asked = joining.answered(mail, secret)          # the mail that was asked about, once

Law: the secret is 128 random bits, goes to the correspondent's own address and nowhere else, and works once, in time,
at the address it was made for, and for the correspondent who was asked. There is one open question of a name, an
address and a correspondent; a newer one takes its place. All of this is in the transaction of the mail: a question
whose mail is not sent was not asked.

RFC 3834 §3 (the question is an automatic answer, from `<>`, and asked with manners).
"""

import hmac
import re
import secrets
from dataclasses import KW_ONLY, dataclass, replace
from datetime import timedelta

from lamsonproxy.app.mail import Mail
from lamsonproxy.app.sending import Sending, Words
from lamsonproxy.errors import AppError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Question, digest_of
from lamsonproxy.mail.correspondent import folded
from lamsonproxy.mail.message import Message

SECRET_OCTETS = 16
"""128 bits: nobody guesses them in the time that a question is open, however fast he sends."""

# Of any secret of that length: a wrong one must not become a part of the next address.
_SUFFIX = re.compile(r'-confirm-[0-9a-z]{32}(?="?\Z)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pending:
    """The mail that was asked about."""

    message: Message
    sender: Address
    recipient: Address


@dataclass(frozen=True)
class Confirmation:
    """One kind of question. The database knows it by its name, so no two of an application have the same one."""

    name: str
    template: str | None = None
    """Sees the variables that `ask` is given, and `confirm_address`, where the answer goes."""
    _: KW_ONLY
    subject: str = "Confirmation required"
    text: str = (
        "Somebody, perhaps you, wrote to us from your address. Please answer this\n"
        "mail to confirm that it was you. If it was not, there is nothing to do.\n"
    )
    """What it says without a template."""
    expires: timedelta = timedelta(days=7)

    def ask(self, mail: Mail, **variables: object) -> bool:
        """Ask the sender whether this mail is his. False, and nobody is asked, where automatic mail has no business
        (RFC 3834). Raises AppError and ValueError for what cannot be written."""
        sending = self._sending(mail)
        secret = secrets.token_hex(SECRET_OCTETS)
        address = _with_secret(mail.recipient, secret)
        words = self._words(variables, address)
        if not sending.answer("ask", words, from_=address, reply_to=address, subject=self.subject):
            return False
        sending.effects.questions.append(self._question(sending, secret))
        return True

    def answered(self, mail: Mail, secret: str | None) -> Pending | None:
        """The mail that was asked about, if this is the answer; None for a wrong, late, foreign or used secret."""
        sending = self._sending(mail)
        digest = digest_of((secret or "").lower())
        question = self._open(sending)
        if question is None or not hmac.compare_digest(question.digest, digest):
            return None
        sending.effects.answered.append(question)
        sending.effects.is_confirmed = True
        envelope = question.envelope
        return Pending(Message(question.content), envelope.sender, envelope.recipients[0].address)

    def cancel(self, mail: Mail) -> bool:
        """Forget what the sender was asked; False when there is no open question."""
        sending = self._sending(mail)
        question = self._open(sending)
        if question is not None:
            sending.effects.answered.append(question)
        return question is not None

    def _sending(self, mail: Mail) -> Sending:
        sending = mail._sending
        if not sending.scene.has_questions:
            place = "its place is the module of the handlers that use it"
            raise AppError(f"The confirmation {self.name} needs a database, and {place}.")
        return sending

    def _words(self, variables: dict[str, object], address: Address) -> Words:
        if self.template is None:
            return Words(text=self.text, variables=variables)
        return Words(self.template, variables={**variables, "confirm_address": address.raw})

    def _question(self, sending: Sending, secret: str) -> Question:
        scene, received = sending.scene, sending.mail._received
        return Question(
            name=self.name,
            target=_target(sending.mail),
            correspondent=scene.correspondent,
            digest=digest_of(secret),
            asked_at=scene.now,
            expires_at=scene.now + self.expires,
            # The other recipients are nobody's business, and least of all that of a database.
            envelope=replace(received.envelope, recipients=(sending.mail._recipient,)),
            content=received.message.raw,
        )

    def _open(self, sending: Sending) -> Question | None:
        """The correspondent's question of this name and address; the newest, for it has taken the others' place."""
        scene, effects = sending.scene, sending.effects
        own = self.name, _target(sending.mail), scene.correspondent
        asked = [
            question
            for question in (*scene.questions, *effects.questions)
            if (question.name, question.target, question.correspondent) == own
        ]
        if not asked or asked[-1] in effects.answered or scene.now >= asked[-1].expires_at:
            return None
        return asked[-1]


def _with_secret(recipient: Address, secret: str) -> Address:
    """Where the answer goes: beside the address that was written to, at the same host."""
    local = _SUFFIX.sub("", recipient.local)
    quote = '"' if local.endswith('"') else ""
    return Address(f"{local.removesuffix(quote)}-confirm-{secret}{quote}@{recipient.domain}")


def _target(mail: Mail) -> str:
    """The address that was written to, with or without a secret."""
    recipient = mail.recipient
    return folded(Address(f"{_SUFFIX.sub('', recipient.local)}@{recipient.domain}"))
