"""What stands behind a courier in the contract suites: an SMTP server, or nothing but the double."""

from collections.abc import Mapping
from typing import Protocol

from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Courier
from lamsonproxy.relay import RelaySettings, SmtpCourier
from tests.downstream import FakeCourier, RawSink
from tests.relay_rig import SystemClock


class World(Protocol):
    """A courier, and what can be said of the downstream behind it."""

    @property
    def courier(self) -> Courier:
        """The one under test."""

    def answers(self, replies: Mapping[str, str]) -> None:
        """Let downstream reply so to a recipient, to "MAIL" or to the final dot (".")."""

    def arrived(self) -> list[tuple[int, bytes]]:
        """Each mail that downstream took: for how many recipients, and its content."""


class Smtp:
    def __init__(self, sink: RawSink) -> None:
        self.sink = sink
        self.courier = SmtpCourier(RelaySettings(sink.host, sink.port, "relay.test"), SystemClock())

    def answers(self, replies: Mapping[str, str]) -> None:
        commands = {word if word in ("MAIL", ".") else f"RCPT TO:<{word}>": r for word, r in replies.items()}
        self.sink.answers = {word.upper().encode(): reply for word, reply in commands.items()}

    def arrived(self) -> list[tuple[int, bytes]]:
        return [(len(mail.rcpts), mail.content) for mail in self.sink.mails]


class Fake:
    def __init__(self) -> None:
        self.courier = FakeCourier()

    def answers(self, replies: Mapping[str, str]) -> None:
        said = {word: Reply(int(text[:3]), text[4:9], text[10:]) for word, text in replies.items()}
        self.courier.refusal = said.pop("MAIL", None)
        self.courier.final = said.pop(".", self.courier.final)
        self.courier.replies = said

    def arrived(self) -> list[tuple[int, bytes]]:
        return [(len(mail.recipients), content) for mail, content in self.courier.mails]
