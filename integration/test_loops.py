"""Two hosts whose applications answer each other, and whose lists are each other's members: it ends.

one.test ◄──► another.test,  and all other mail to the sink
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from integration import arrival, ledger
from integration.children import free_ports, poll
from integration.client import Mail, Rcpt
from integration.fragments import Options, Ports, Programs
from integration.postfix import PrivatePostfix
from integration.service import Service
from tests.downstream import RawSink

LIMIT_S = 120
CONTENT = b"From: somebody@pass.test\r\nSubject: Hello\r\nMessage-ID: <hello@pass.test>\r\n\r\nHello?\r\n"


@dataclass(frozen=True, slots=True)
class Host:
    """One of the two."""

    postfix: PrivatePostfix
    service: Service

    @property
    def is_at_rest(self) -> bool:
        """Whether no mail is in its queue, and none waits to be sent."""
        return not self.postfix.queue() and not ledger.unsent(
            f"sqlite:///{self.service.folder}/var/lamson.db"
        )

    @property
    def sent(self) -> float:
        return self.service.metric('lamson_outbox_total{result="sent"}')

    @property
    def withheld(self) -> float:
        return self.service.metric("lamson_replies_withheld_total")


@pytest.fixture(scope="module")
def hosts(
    programs: Programs, ports: Ports, sink: RawSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Host, Host]]:
    one = ports
    another = replace(ports, **dict(zip(("front", "null", "reentry", "door"), free_ports(4), strict=True)))
    with ExitStack() as stack:

        def host(name: str, own: Ports, other: str, others: Ports) -> Host:
            transports = (
                f"{{ {name} = scan:inet:[127.0.0.1]:{own.door} }}, "
                f"{{ {other} = final:[127.0.0.1]:{others.front} }}"
            )
            options = Options(
                lmtp=True, settings=f"transport_maps = inline:{{ {transports} }}", domains=(name,)
            )
            postfix = stack.enter_context(PrivatePostfix(programs, own, options))
            service = Service(
                tmp_path_factory.mktemp(name),
                door=own.door,
                reentry=own.reentry,
                app="integration.app.answering:app",
                kind="lmtp",
                above='database = "sqlite:///var/lamson.db"',
                about_door=f'unmatched = "reject"\ndomains = ["{name}"]',
                more=ledger.PACE,
            )
            return Host(postfix, stack.enter_context(service))

        yield host("one.test", one, "another.test", another), host("another.test", another, "one.test", one)


@pytest.mark.fault("C6")
@pytest.mark.parametrize("word", ["desk", "signed"])
def test_two_services_that_answer_each_other_end_after_one_exchange(
    hosts: tuple[Host, Host], sink: RawSink, word: str
) -> None:
    one, another = hosts
    sent, withheld = one.sent + another.sent, one.withheld
    another.postfix.send(Mail(f"{word}@one.test", [Rcpt(f"{word}@another.test")], CONTENT))
    poll("one has had its answer", lambda: one.withheld == withheld + 1, LIMIT_S)
    poll("all is at rest", lambda: one.is_at_rest and another.is_at_rest, LIMIT_S, every_s=0.5)
    assert (one.sent + another.sent, one.withheld) == (sent + 1, withheld + 1)
    assert not sink.mails


@pytest.mark.fault("C6")
def test_two_lists_that_are_each_others_members_give_everybody_one_copy(
    hosts: tuple[Host, Host], sink: RawSink
) -> None:
    one, another = hosts
    withheld = one.withheld
    one.postfix.send(Mail("somebody@pass.test", [Rcpt("list@one.test")], CONTENT))
    poll("it has come back", lambda: one.withheld == withheld + 1, LIMIT_S)
    poll("all is at rest", lambda: one.is_at_rest and another.is_at_rest, LIMIT_S, every_s=0.5)
    arrived = {who: len(mails) for who, mails in arrival.by_recipient(sink.mails).items()}
    assert arrived == {"member@one.test.example": 1, "member@another.test.example": 1}
    assert one.withheld == withheld + 1
