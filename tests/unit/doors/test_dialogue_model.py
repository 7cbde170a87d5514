"""The dialogue against a model of it, in random order (failures.md S5: no disagreement in 100,000 sequences).

The model knows RFC 5321 §4.1.4 and the house's limits, and nothing of how the dialogue is made. `SOAK=1` runs the long
form.
"""

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lamsonproxy.doors.dialogue import Dialogue, Next, Rules
from lamsonproxy.doors.lmtp import LmtpDialogue

RULES = Rules(hostname="door.test", size_limit=1000, recipients=2, messages=3, errors=6, junk_commands=8)
SEQUENCES = 100_000 if os.environ.get("SOAK") else 10_000
NOBODY = "nobody"

FAULTS = {
    b"WIZ\r\n": 500,
    b"\r\n": 500,
    b"NOOP\n": 500,
    b"\xff\r\n": 500,
    b"STARTTLS\r\n": 502,
    b"BDAT 0 LAST\r\n": 502,
}
JUNK = {b"NOOP\r\n": 250, b"noop x\r\n": 250, b"VRFY a\r\n": 252, b"HELP\r\n": 214, b"RSET\r\n": 250}


@dataclass
class Model:
    """What a postmaster would write on a napkin."""

    greeted: bool = False
    sender: str = NOBODY
    recipients: list[str] = field(default_factory=list)
    ident: str = ""
    errors: int = 0
    junk: int = 0
    mails: int = 0

    def forget(self) -> None:
        self.sender, self.recipients, self.ident = NOBODY, [], ""


class DialogueAndModel(RuleBasedStateMachine):
    kind: type[Dialogue] = Dialogue
    hello, other_hello = b"EHLO", b"HELO"
    code_of_other_hello = 250
    code_of_nobody = 554

    def __init__(self) -> None:
        super().__init__()
        self.dialogue = self.kind(RULES, admit=lambda size: size != 451)
        self.model = Model()

    def says(self, line: bytes, code: int, *, is_fault: bool = False) -> bool:
        """The reply must have this code, or 421 when it is one fault too many; True if it was the former."""
        self.model.errors += is_fault
        if self.model.errors > RULES.errors:
            code = 421
        reply = self.dialogue.command(line)
        assert reply.code == code, (line, str(reply), self.model)
        assert (self.dialogue.next is Next.CLOSE) == (code in (221, 421))
        return code != 421

    def junk(self, line: bytes, code: int, *, is_fault: bool = False) -> bool:
        self.model.junk += 1
        is_too_much = self.model.junk > RULES.junk_commands
        return self.says(line, 421 if is_too_much else code, is_fault=is_fault and not is_too_much)

    def is_open(self) -> bool:
        return self.dialogue.next is Next.COMMAND

    @precondition(is_open)
    @rule(line=st.sampled_from(sorted(FAULTS)))
    def fault(self, line: bytes) -> None:
        self.says(line, FAULTS[line], is_fault=True)

    @precondition(is_open)
    @rule()
    def nameless_hello(self) -> None:
        self.junk(self.hello + b"\r\n", 501, is_fault=True)

    @precondition(is_open)
    @rule(line=st.sampled_from(sorted(JUNK)))
    def chatter(self, line: bytes) -> None:
        if self.junk(line, JUNK[line]) and line.startswith(b"RSET"):
            self.model.forget()

    @precondition(is_open)
    @rule(is_capital=st.booleans())
    def greet(self, is_capital: bool) -> None:
        if self.junk((self.hello if is_capital else self.hello.lower()) + b" client\r\n", 250):
            self.model.forget()
            self.model.greeted = True

    @precondition(is_open)
    @rule()
    def greet_otherwise(self) -> None:
        code = self.code_of_other_hello
        if self.junk(self.other_hello + b" client\r\n", code, is_fault=code == 500) and code == 250:
            self.model.forget()
            self.model.greeted = True

    @precondition(is_open)
    @rule(ident=st.sampled_from(["A", "B"]))
    def xforward(self, ident: str) -> None:
        line = f"XFORWARD IDENT={ident}\r\n".encode()
        if self.model.sender != NOBODY:
            self.says(line, 503, is_fault=True)
        elif self.says(line, 250):
            self.model.ident = ident

    @precondition(is_open)
    @rule(
        sender=st.sampled_from(["", "a@example.org", "@relay:b@example.org"]),
        size=st.sampled_from([None, 0, 451, 1000, 1001]),
    )
    def mail(self, sender: str, size: int | None) -> None:
        line = f"MAIL FROM:<{sender}>{'' if size is None else f' SIZE={size}'}\r\n".encode()
        if not self.model.greeted or self.model.sender != NOBODY:
            self.says(line, 503, is_fault=True)
        elif self.model.mails == RULES.messages:
            self.says(line, 421)
        elif size == 1001:
            self.says(line, 552)
        elif size == 451:
            self.says(line, 451)
        elif self.says(line, 250):
            self.model.sender = sender

    @precondition(is_open)
    @rule(recipient=st.sampled_from(["", "x@example.net", '"y z"@example.net']))
    def rcpt(self, recipient: str) -> None:
        line = f"RCPT TO:<{recipient}>\r\n".encode()
        if self.model.sender == NOBODY:
            self.says(line, 503, is_fault=True)
        elif len(self.model.recipients) == RULES.recipients:
            self.says(line, 452)
        elif not recipient:
            self.says(line, 501)
        elif self.says(line, 250):
            self.model.recipients.append(recipient)

    @precondition(is_open)
    @rule()
    def data(self) -> None:
        if self.model.sender == NOBODY:
            self.says(b"DATA\r\n", 503, is_fault=True)
        elif not self.model.recipients:
            self.says(b"DATA\r\n", self.code_of_nobody, is_fault=True)
        elif self.says(b"DATA\r\n", 354):
            assert self.dialogue.next is Next.DATA

    @precondition(lambda self: self.dialogue.next is Next.DATA)
    @rule()
    def end_of_data(self) -> None:
        envelope = self.dialogue.take_envelope()
        assert envelope.sender.raw == self.model.sender
        assert [recipient.address.raw for recipient in envelope.recipients] == self.model.recipients
        assert envelope.xforward.ident == self.model.ident
        self.model.forget()
        self.model.junk = 0
        self.model.mails += 1

    @precondition(is_open)
    @rule()
    def quit(self) -> None:
        self.says(b"QUIT\r\n", 221)

    @precondition(lambda self: self.dialogue.next is Next.CLOSE)
    @rule()
    def another_session(self) -> None:
        self.dialogue = self.kind(RULES, admit=lambda size: size != 451)
        self.model = Model()

    @invariant()
    def both_know_whether_a_transaction_is_open(self) -> None:
        if self.dialogue.next is not Next.CLOSE:
            assert self.dialogue.in_transaction == (self.model.sender != NOBODY)


class LmtpDialogueAndModel(DialogueAndModel):
    """RFC 2033: LHLO instead, EHLO is 500, and DATA without a recipient 503."""

    kind = LmtpDialogue
    hello, other_hello = b"LHLO", b"EHLO"
    code_of_other_hello = 500
    code_of_nobody = 503


@pytest.mark.fault("S5")
@pytest.mark.parametrize(
    ("machine", "sequences"), [(DialogueAndModel, SEQUENCES), (LmtpDialogueAndModel, SEQUENCES // 5)]
)
def test_the_dialogue_and_its_model_agree_in_any_order(
    machine: type[DialogueAndModel], sequences: int
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
