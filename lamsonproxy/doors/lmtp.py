"""The lmtp door: SMTP's dialogue with LHLO, and one reply to the final dot for each recipient.

Law: behind the final dot there are exactly as many replies as RCPTs were taken, in their order, whatever has happened
to the mail (RFC 2033 §4.2). One too few, and Postfix's lmtp(8) takes the reply to QUIT for a delivery: `status=sent
(221 bye)`, measured. So even 421 is said to each before the connection closes.

RFC 2033 (LMTP), RFC 6531 §4.3 (UTF8LMTP).
"""

from typing import ClassVar

from lamsonproxy.doors.dialogue import Dialogue
from lamsonproxy.doors.door import Door
from lamsonproxy.doors.smtp import SmtpSession
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply


class LmtpDialogue(Dialogue):
    """The server's side of LMTP."""

    spoken = "LMTP"
    hello = "LHLO"
    # RFC 2033 §4.2: DATA "MUST fail with a 503 reply code" then.
    nobody = Reply(503, "5.5.1", "No valid recipients")

    def protocol(self, envelope: Envelope) -> str:
        """The word for this mail's Received line (RFC 3848, RFC 6531 §4.3)."""
        return "LMTP" if envelope.params.get("SMTPUTF8") is None else "UTF8LMTP"

    def _use_lhlo(self, argument: str) -> Reply:
        # RFC 2033 §4.1: HELO and EHLO must not be answered positively; 500 is recommended.
        return Reply(500, "5.5.1", "This is LMTP: say LHLO")

    verbs: ClassVar = Dialogue.verbs | {"LHLO": Dialogue._ehlo, "EHLO": _use_lhlo, "HELO": _use_lhlo}


class LmtpSession(SmtpSession):
    """One connection that speaks LMTP."""

    dialogue = LmtpDialogue

    def _replies_to(self, envelope: Envelope) -> int:
        return len(envelope.recipients)


class LmtpDoor(Door):
    """A door whose sessions speak LMTP; its desk answers for each recipient."""

    def session(self) -> LmtpSession:
        """See `Door`."""
        return LmtpSession(self)
