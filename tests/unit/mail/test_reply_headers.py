"""What an answer takes over from the mail that it answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.fields import check_line, write_message_ids
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply_headers import references_for, reply_subject


def references(*lines: str) -> tuple[str, str]:
    return references_for(Message("".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"))


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        ((), ("", "")),
        (("Message-ID: <a@x>",), ("<a@x>", "<a@x>")),
        (("Message-ID: <b@x>", "References: <a@x>"), ("<b@x>", "<a@x> <b@x>")),
        (("Message-ID: <b@x>", "In-Reply-To: <a@x>"), ("<b@x>", "<a@x> <b@x>")),
        (("Message-ID: <b@x>", "In-Reply-To: <a@x> <z@x>"), ("<b@x>", "<b@x>")),
        (
            ("Message-ID: <c@x>", "References: <a@x>\r\n\t<b@x>", "In-Reply-To: <z@x>"),
            ("<c@x>", "<a@x> <b@x> <c@x>"),
        ),
        (("Message-ID: <b@x>", "References: <a@x> <b@x> <a@x>"), ("<b@x>", "<a@x> <b@x>")),
        (("References: <a@x>",), ("", "")),
        (("Message-ID: a@x", "References: <a@x>"), ("", "")),
        (("Message-ID: <ü@x>",), ("", "")),
        (("Message-ID: (id) <a@x> (id)",), ("<a@x>", "<a@x>")),
        ((f"Message-ID: <{'a' * 2000}@x>",), ("", "")),
    ],
)
def test_an_answer_finds_its_place_in_the_thread(lines: tuple[str, ...], answer: tuple[str, str]) -> None:
    assert references(*lines) == answer


def test_a_long_thread_keeps_its_first_mail_and_its_last_ones() -> None:
    ids = [f"<{n}@x>" for n in range(100)]
    _, thread = references("Message-ID: <new@x>", "References: " + " ".join(ids))
    assert thread.split() == [ids[0], *ids[-18:], "<new@x>"]


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Soup", "Re: Soup"),
        ("Re: Soup", "Re: Soup"),
        ("RE: re:Re[2]: Soup", "Re: Soup"),
        ("AW: Sv : Soup", "Re: Soup"),
        ("Reply: Soup", "Re: Reply: Soup"),
        (" Soup\x1b[31m\u2028for\x85all", "Re: Soup [31m for all"),
        ("Re:", ""),
        ("", ""),
        ("x" * 10_000, "Re: " + "x" * 500),
    ],
)
def test_an_answer_has_the_subject_of_the_mail(subject: str, answer: str) -> None:
    assert reply_subject(subject) == answer


@given(st.binary(max_size=200), st.text(max_size=100))
def test_whatever_is_taken_over_can_be_written(octets: bytes, subject: str) -> None:
    for name in (b"Message-ID: <a@x>\r\nReferences: ", b"Message-ID: "):
        for ids in references_for(Message(name + octets + b"\r\n\r\n")):
            assert not ids or write_message_ids("References", ids)
    check_line("the subject", reply_subject(subject))
