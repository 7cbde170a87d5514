"""What a stranger writes into the address that a mail is for, through a capture and into headers: it stays a value."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy import AppError, Mail
from lamsonproxy.app.routing import compile_format
from tests.unit.app.test_sending import SCENE, SOUP, WRITTEN, mail_from
from tests.unit.test_template_injection import HOSTILE, templates

# As careless as an author can be: line ends too.
CARELESS = compile_format("(value)@x.org", {"value": "(?s:.+)"})
OF_THE_TEMPLATE = {"Reply-To", "X-Of", "List-Id"}

ACTS: dict[str, Callable[[Mail, str], object]] = {
    "a template": lambda mail, value: mail.reply("a.mako"),
    "a template in Jinja2": lambda mail, value: mail.reply("a.jinja"),
    "a subject": lambda mail, value: mail.reply(text="x", subject=value),
    "an author": lambda mail, value: mail.reply(text="x", from_=f"{value}@x.org"),
    "a name": lambda mail, value: mail.reply(text="x", from_=f"{value} <a@x.org>"),
    "a recipient": lambda mail, value: mail.send(text="x", from_="a@x.org", to=f"{value}@x.org"),
    "a text": lambda mail, value: mail.reply(text=value),
    "a header": lambda mail, value: mail.headers.add("X-For", value),
    "a header at the top": lambda mail, value: mail.headers.insert("X-For", value),
    "a header's name": lambda mail, value: mail.headers.add(f"X-{value}", "x"),
    "another subject": lambda mail, value: mail.headers.replace("Subject", value),
    "a tag": lambda mail, value: mail.tag_subject(value),
    "a footer": lambda mail, value: mail.add_footer(value, value),
}


def _names(octets: bytes) -> list[str]:
    head = octets.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]


@pytest.mark.fault("C4")
@given(st.sampled_from(sorted(ACTS)), HOSTILE.filter(bool))
def test_a_capture_stays_a_value(act: str, value: str) -> None:
    captured = CARELESS.fullmatch(f"{value}@x.org")
    assert captured is not None
    # To another address: from one that no header can hold nothing is answered.
    mail = mail_from(scene=replace(SCENE, captures=captured.groupdict(), templates=templates()))
    with suppress(ValueError, AppError):
        ACTS[act](mail, value)
    for outgoing in mail.effects.outgoing:
        names = _names(outgoing.content)
        assert len(names) == len(set(names))
        assert set(names) <= WRITTEN | OF_THE_TEMPLATE
        assert not {10, 13, 0} & set(outgoing.content.replace(b"\r\n", b""))
    before, after = _names(SOUP), _names(b"".join(mail.edits.content.parts()))
    new = [name for name in after if name not in before]
    of_a_footer = {"Content-Type", "Content-Transfer-Encoding"}
    assert len(new) <= 1 or set(new) <= of_a_footer
    assert [name for name in after if name not in new] == before
    assert all(name in of_a_footer or name.startswith("X-") for name in new)
