"""The server's side of an SMTP dialogue: a command line in, a reply out. No socket, no clock.

Law: everything that decides which command is allowed when lives in this file, and nothing else does. What the dialogue
offers in EHLO is fixed (design law 7): a proxy that offered what downstream offers would promise in another's name.
A command line is ended by CRLF and by nothing else (S3); whatever comes is answered.

RFC 5321 §4.1 (commands), §4.1.4 (order), RFC 1870 (SIZE), 2920 (PIPELINING), 3461 (DSN), 6152 (8BITMIME),
6531 (SMTPUTF8), 2034 (ENHANCEDSTATUSCODES), Postfix XFORWARD_README.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar

from lamsonproxy.mail.address import NULL_SENDER, Address, parse_path
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import (
    NO_PARAMS,
    NO_XFORWARD,
    XFORWARD_NAMES,
    Params,
    Xforward,
    parse_params,
    parse_xforward,
)
from lamsonproxy.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of one door's dialogue."""

    hostname: str
    instance: str = ""
    """Said in the greeting, by which our own relay knows this door."""
    size_limit: int = 64 * 1024 * 1024
    """Octets of a message, as offered in SIZE."""
    recipients: int = 1000
    """RCPTs a mail: `smtpd_recipient_limit`; RFC 5321 §4.5.3.1.8 asks for 100 at least."""
    messages: int = 100_000
    """Mails a session, then 421: a session that never ends is never balanced over the workers."""
    errors: int = 20
    """Protocol errors a session, then 421: `smtpd_hard_error_limit`."""
    junk_commands: int = 100
    """EHLO, HELO, LHLO, NOOP, RSET, VRFY and HELP between two mails, then 421: `smtpd_junk_command_limit`."""


class Next(Enum):
    """What the connection does after a reply."""

    COMMAND = auto()
    DATA = auto()
    CLOSE = auto()


OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
BYE = Reply(221, "2.0.0", "Bye")
GO_AHEAD = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
NO_ROOM = Reply(451, "4.3.1", "Too much mail in flight here, try again later")
TOO_BIG = Reply(552, "5.3.4", "Message too big")
BAD_SYNTAX = Reply(500, "5.5.2", "A command is one line of text that ends in CRLF")
LINE_TOO_LONG = Reply(500, "5.5.2", "Command line too long")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
NOT_HTTP = Reply(421, "4.7.0", "I do not speak HTTP")

# A browser made to post to us must not get anywhere (chasquid and Postfix's smtpd_forbidden_commands do the same).
_HTTP = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "HOST:"})
# Postfix counts the same ones (smtpd.c, SMTPD_CMD_FLAG_LIMIT). EHLO above all: twenty octets for each one asked.
_JUNK = frozenset({"EHLO", "HELO", "LHLO", "NOOP", "RSET", "VRFY", "HELP"})


class Dialogue:
    """One session's dialogue. Feed it each command line; then `next` says what the connection does."""

    spoken: ClassVar[str] = "ESMTP"
    """What the greeting promises."""
    hello: ClassVar[str] = "EHLO"
    """The command that a session begins with."""
    # Not 354: a client that pipelined DATA would send an empty message (as Postfix, smtpd.c).
    nobody: ClassVar[Reply] = Reply(554, "5.5.1", "No valid recipients")

    def __init__(self, rules: Rules, admit: Callable[[int], bool] = lambda size: True) -> None:
        """`admit` is asked at MAIL whether there is room for a mail of the announced size (0: unknown)."""
        self.next = Next.COMMAND
        self.helo = ""
        self._extended = False
        self._rules = rules
        self._admit = admit
        self.has_named = False
        """Whether the last command was a RCPT that was taken. Somebody else may yet refuse it: `refuse_named`."""
        self._errors = self._junk = self._messages = 0
        self._forget()

    def greeting(self) -> Reply:
        return Reply(
            220, "", f"{self._rules.hostname} {self.spoken} lamsonproxy {self._rules.instance}".rstrip()
        )

    def command(self, line: bytes) -> Reply:
        """Answer one line, its line end included."""
        self.has_named = False
        return self._counted(self._answer(line))

    def overlong(self) -> Reply:
        """Answer a line that was longer than we read."""
        return self._counted(LINE_TOO_LONG)

    def take_envelope(self) -> Envelope:
        """The envelope of the mail whose DATA was answered 354; the dialogue is ready for the next one.

        Nothing of a transaction survives its end, XFORWARD included, whatever the reply to it will be.
        """
        envelope = self.envelope
        self._messages += 1
        self._junk = 0
        self._forget()
        self.next = Next.COMMAND
        return envelope

    def answered(self, reply: Reply) -> Reply:
        """The answer to the mail; 421 ends the session, whoever said it first (RFC 5321 §3.8)."""
        if reply.ends_session:
            self.next = Next.CLOSE
        return reply

    @property
    def in_transaction(self) -> bool:
        return self._sender is not None

    @property
    def envelope(self) -> Envelope:
        """The envelope so far, from MAIL on."""
        assert self._sender is not None
        return Envelope(self._sender, tuple(self._recipients), self._params, self._xforward)

    def refuse_named(self) -> None:
        """The recipient of the last command is none of this mail's after all."""
        self._recipients.pop()

    def protocol(self, envelope: Envelope) -> str:
        """The word for this mail's Received line (RFC 3848, RFC 6531 §4.3)."""
        if envelope.params.get("SMTPUTF8") is not None:
            return "UTF8SMTP"
        return "ESMTP" if self._extended else "SMTP"

    def _forget(self) -> None:
        self._sender: Address | None = None
        self._params: Params = NO_PARAMS
        self._recipients: list[Recipient] = []
        self._xforward: Xforward = NO_XFORWARD

    def _counted(self, reply: Reply) -> Reply:
        # Only faults of speech count: a refused size or a full house is no fault of the peer's manners.
        if reply.status.startswith("5.5") or reply.code == 500:
            self._errors += 1
            if self._errors > self._rules.errors:
                reply = TOO_MANY_ERRORS
        if reply.ends_session:
            self.next = Next.CLOSE
        return reply

    def _answer(self, line: bytes) -> Reply:
        if not line.endswith(b"\r\n"):
            return BAD_SYNTAX
        # Octets that are not UTF-8 go on as they came: Postfix has them in addresses where smtputf8_enable = no.
        verb, _, argument = line[:-2].decode("utf-8", "surrogateescape").partition(" ")
        if not verb.isascii():
            return BAD_SYNTAX
        verb = verb.upper()
        if verb in _JUNK:
            self._junk += 1
            if self._junk > self._rules.junk_commands:
                return TOO_MANY_ERRORS
        answer = self.verbs.get(verb)
        if answer is None:
            return NOT_HTTP if verb in _HTTP else Reply(500, "5.5.1", "Command not recognized")
        return answer(self, argument.strip(" "))

    def _ehlo(self, name: str) -> Reply:
        if (refused := self._greeted(name)) is not None:
            return refused
        self._extended = True
        return Reply(250, "", "\n".join((self._rules.hostname, *self._offers())))

    def _helo(self, name: str) -> Reply:
        if (refused := self._greeted(name)) is not None:
            return refused
        self._extended = False
        return Reply(250, "", self._rules.hostname)

    def _greeted(self, name: str) -> Reply | None:
        if not name or not name.isprintable():
            return Reply(501, "5.5.4", f"Syntax: {self.hello} hostname")
        self.helo = name
        self._forget()
        return None

    def _offers(self) -> tuple[str, ...]:
        return (
            "PIPELINING",
            f"SIZE {self._rules.size_limit}",
            "8BITMIME",
            "SMTPUTF8",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "XFORWARD " + " ".join(XFORWARD_NAMES),
        )

    def _do_xforward(self, argument: str) -> Reply:
        if self.in_transaction:
            return Reply(503, "5.5.1", "XFORWARD belongs before MAIL")
        try:
            self._xforward = self._xforward.merged(parse_xforward(argument))
        except ValueError as error:
            return Reply(501, "5.5.4", f"XFORWARD: {error}")
        return OK

    def _mail(self, argument: str) -> Reply:
        if not self.helo:
            return Reply(503, "5.5.1", f"Send {self.hello} first")
        if self.in_transaction:
            return Reply(503, "5.5.1", "Nested MAIL command")
        if self._messages >= self._rules.messages:
            return Reply(421, "4.7.0", "Too many messages in one session")
        try:
            sender, params = _path_and_params(argument, "FROM:")
        except ValueError as error:
            return Reply(501, "5.5.4", f"Syntax: MAIL FROM:<address>: {error}")
        if (refused := self._refuse_mail(params)) is not None:
            return refused
        self._sender, self._params = sender, params
        return SENDER_OK

    def _refuse_mail(self, params: Params) -> Reply | None:
        size = params.get("SIZE")
        if size is not None and not (size.isascii() and size.isdigit() and len(size) <= 20):
            return Reply(501, "5.5.4", "SIZE takes a number")
        if (params.get("BODY") or "7BIT").upper() not in ("7BIT", "8BITMIME"):
            return Reply(501, "5.5.4", "BODY takes 7BIT or 8BITMIME")  # BINARYMIME needs CHUNKING (RFC 3030)
        if params.get("SMTPUTF8"):
            return Reply(501, "5.5.4", "SMTPUTF8 takes no value")
        if int(size or 0) > self._rules.size_limit:
            return TOO_BIG
        return None if self._admit(int(size or 0)) else NO_ROOM

    def _rcpt(self, argument: str) -> Reply:
        if not self.in_transaction:
            return Reply(503, "5.5.1", "Send MAIL first")
        if len(self._recipients) >= self._rules.recipients:
            return Reply(452, "4.5.3", "Too many recipients")  # RFC 5321 §4.5.3.1.10
        try:
            address, params = _path_and_params(argument, "TO:")
        except ValueError as error:
            return Reply(501, "5.5.4", f"Syntax: RCPT TO:<address>: {error}")
        if address == NULL_SENDER:
            return Reply(501, "5.1.3", "A recipient has an address")
        self._recipients.append(Recipient(address, params))
        self.has_named = True
        return RECIPIENT_OK

    def _data(self, argument: str) -> Reply:
        if not self.in_transaction:
            return Reply(503, "5.5.1", "Send MAIL first")
        if argument:
            return Reply(501, "5.5.4", "Syntax: DATA")
        if not self._recipients:
            return self.nobody
        self.next = Next.DATA
        return GO_AHEAD

    def _rset(self, argument: str) -> Reply:
        self._forget()
        return OK

    def _noop(self, argument: str) -> Reply:
        return OK

    def _quit(self, argument: str) -> Reply:
        return BYE

    def _vrfy(self, argument: str) -> Reply:
        return Reply(252, "2.0.0", "Send some mail, I'll try my best")

    def _help(self, argument: str) -> Reply:
        return Reply(214, "2.0.0", "RFC 5321, and see EHLO")

    def _not_here(self, argument: str) -> Reply:
        return Reply(502, "5.5.1", "Command not implemented")

    verbs: ClassVar[dict[str, Callable[[Any, str], Reply]]] = {
        "EHLO": _ehlo,
        "HELO": _helo,
        "XFORWARD": _do_xforward,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "RSET": _rset,
        "NOOP": _noop,
        "QUIT": _quit,
        "VRFY": _vrfy,
        "HELP": _help,
        **dict.fromkeys(("EXPN", "ETRN", "BDAT", "AUTH", "STARTTLS", "TURN"), _not_here),
    }


def _path_and_params(argument: str, keyword: str) -> tuple[Address, Params]:
    if argument[: len(keyword)].upper() != keyword:
        raise ValueError(f"{keyword} is missing")
    address, rest = parse_path(argument[len(keyword) :])
    return address, parse_params(rest)
