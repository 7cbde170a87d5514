import pytest

from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.verdict import (
    ACCEPT,
    Accept,
    Consume,
    Defer,
    Discard,
    Quarantine,
    Reject,
    Verdict,
    name_of,
    reply_to,
)


@pytest.mark.parametrize(
    ("verdict", "reply"),
    [
        (ACCEPT, Reply(250, "2.0.0", "Ok")),
        (Consume(), Reply(250, "2.0.0", "Ok")),
        (Discard("spam"), Reply(250, "2.7.0", "Ok: discarded")),
        (Quarantine("virus"), Reply(250, "2.7.0", "Ok: quarantined")),
        (Reject("5.7.1", "No"), Reply(550, "5.7.1", "No")),
        (Reject("5.3.4", "Too big"), Reply(552, "5.3.4", "Too big")),
        (Reject("5.4.6", "A loop"), Reply(554, "5.4.6", "A loop")),
        (Defer("4.7.1", "Later"), Reply(451, "4.7.1", "Later")),
        (Defer("4.3.1", "Full"), Reply(452, "4.3.1", "Full")),
    ],
)
def test_a_verdict_is_a_reply(verdict: Verdict, reply: Reply) -> None:
    assert reply_to(verdict) == reply


@pytest.mark.parametrize(
    "status", ["", "4.7.1", "2.0.0", "5.7", "5.7.1 ", "5.7.1\n", "5.7.1000", "5.x.1", None]
)
def test_a_rejection_has_a_permanent_status(status: str) -> None:
    with pytest.raises(ValueError, match="RFC 3463"):
        Reject(status, "No")


@pytest.mark.parametrize("status", ["", "5.7.1", "2.0.0", "4.7"])
def test_a_deferral_has_a_transient_status(status: str) -> None:
    with pytest.raises(ValueError, match="RFC 3463"):
        Defer(status, "Later")


@pytest.mark.parametrize("text", ["", "a\r\nb", "a\nb", "a\0b", "a\x85b", "a\u2028b", None])
def test_the_text_of_a_verdict_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="one line"):
        Reject("5.7.1", text)


def test_verdicts_have_names_from_a_closed_set() -> None:
    verdicts: list[Verdict] = [Accept(), Consume(), Reject(), Defer(), Discard(), Quarantine()]
    assert [name_of(v) for v in verdicts] == ["accept", "consume", "reject", "defer", "discard", "quarantine"]
