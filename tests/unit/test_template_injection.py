"""What a stranger writes, through a template and into a mail: it stays a value."""

import re
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.errors import AppError
from lamsonproxy.mail.compose import compose
from lamsonproxy.mail.message import Message
from lamsonproxy.views.templates import TemplateFolder

PAGE = "Subject: About §\nReply-To: § <desk@x.org>\nX-Of: §\nList-Id: x § <desk.x.org>\n\nDear §,\n"
HTML = '<p title="§">§</p>'

_PIECES = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\x0b",
    "\x0c",
    "\x1d",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\ud800",
    "\udc0a",
    "\\\n",
]
_PIECES += [
    "=?utf-8?q?=0d=0aBcc:_e@x.org?=",
    "%0d%0a",
    "Bcc: e@x.org",
    "\r\n\r\n",
    "<e@x.org>",
    ",",
    '"',
    "<",
    ">",
    "&",
]
_PIECES += [
    "${1+1}",
    "<%",
    "%>",
    "## x",
    "% if x:",
    "{{ 1 }}",
    "{% if x %}",
    "{#",
    "a",
    "ü",
    " ",
    "\t",
    "x" * 90,
]
HOSTILE = st.lists(st.sampled_from(_PIECES), max_size=6).map("".join)


@cache
def templates() -> TemplateFolder:
    with tempfile.TemporaryDirectory() as name:
        for suffix, shown in {".mako": "${value}", ".jinja": "{{ value }}"}.items():
            Path(name, f"a{suffix}").write_text(PAGE.replace("§", shown))
            Path(name, f"a.html{suffix}").write_text(HTML.replace("§", shown))
        return TemplateFolder(Path(name))


@pytest.mark.fault("C4")
@pytest.mark.parametrize("name", ["a.mako", "a.jinja"])
@given(
    octets=st.binary(max_size=80) | HOSTILE.map(lambda text: text.encode("utf-8", "surrogatepass")),
    word=st.sampled_from([b"%b", b"=?utf-8?q?%b?=", b"=?utf-16?b?%b?="]),
)
def test_what_was_read_of_a_mail_can_stand_in_a_head(name: str, octets: bytes, word: bytes) -> None:
    """A stranger's mail must not make the answer to it fail: it would be tried for ever."""
    raw = b'Subject: %b\r\nFrom: %b <a@x.org>\r\nContent-Type: text/plain; name="%b"\r\n\r\n'
    message = Message(raw % ((word.replace(b"%b", octets),) * 3))
    for value in (
        message.subject,
        *(each.name for each in message.mailboxes("From")),
        message.parts[0].params.get("name", ""),
    ):
        assert templates().render(name, {"value": value}).headers[0] == ("Subject", f"About {value}".strip())


@pytest.mark.fault("C4")
@pytest.mark.fault("C5")
@pytest.mark.parametrize("name", ["a.mako", "a.jinja"])
@given(value=HOSTILE)
def test_a_value_stays_a_value(name: str, value: str) -> None:
    templates().check()
    try:
        rendered = templates().render(name, {"value": value})
        raw = compose(
            to="b@x.org",
            from_="a@x.org",
            text=rendered.text,
            html=rendered.html,
            headers=rendered.headers,
            date=datetime(2026, 3, 1, tzinfo=UTC),
            message_id="<1@x.org>",
        )
    except (AppError, ValueError):
        return
    head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    names = [line.split(b":")[0].decode() for line in head if line[:1] not in (b" ", b"\t")]
    extra = ["X-Of"] if value.strip() else []
    assert names == [
        *("Date", "From", "Reply-To", "To", "Subject", "Message-ID"),
        *extra,
        *("List-Id", "MIME-Version", "Content-Type"),
    ]
    message = Message(raw)
    shown = re.sub("[\ud800-\udfff]", "\ufffd", value)
    assert message.subject == f"About {shown}".strip()
    assert message.text == f"Dear {shown},\n"
    assert "<" not in message.html.replace('<p title="', "").replace("</p>", "")
