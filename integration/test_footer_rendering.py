"""A footer under forty kinds of mail, in each of their texts, as a real browser decodes and shows them."""

import json
from base64 import b64encode
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

import pytest

from integration.chromium import Chromium
from integration.test_rendering import chromium as chromium  # a fixture of the whole run
from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message
from tests.corpus.kinds import FOOTED

TEXT = "-- \nLists of Größe & €uro"
HTML = "<hr><p>Lists of Größe &amp; <b>€uro</b></p>"
SHOWN = "Lists of Größe & €uro"
UNKNOWN_TO_BROWSERS = ("utf-7", "x-unknown-7bit")
"""Charsets that the Encoding Standard leaves out."""

# The octets are decoded by the browser, in the charset that the part declares, and shown in a frame of their own.
_FRAMES = """
<meta charset="utf-8">
<body>
<script>
for (const shown of %s) {
  const octets = Uint8Array.from(atob(shown.octets), each => each.charCodeAt(0));
  const text = new TextDecoder(shown.charset, {fatal: true}).decode(octets);
  const frame = document.createElement("iframe");
  frame.title = shown.name;
  const plain = document.createElement("pre");
  plain.textContent = text;
  frame.srcdoc = shown.isHtml ? text : plain.outerHTML;
  document.body.append(frame);
}
</script>
"""
_QUESTION = """
Object.fromEntries([...document.querySelectorAll("iframe")].map(each => [each.title, {
  text: each.contentDocument.body.innerText,
  height: each.contentDocument.body.scrollHeight,
}]))
"""


def _texts(name: str, raw: bytes) -> Iterator[dict[str, Any]]:
    """Each text of a mail, its transfer encoding taken off by Python."""
    for number, part in enumerate(message_from_bytes(raw).walk()):
        charset = part.get_content_charset("utf-8")
        if part.get_content_type() in ("text/plain", "text/html") and charset not in UNKNOWN_TO_BROWSERS:
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            is_html = part.get_content_subtype() == "html"
            yield {
                "name": f"{name} (part {number}, {part.get_content_subtype()})",
                "charset": charset,
                "octets": b64encode(payload).decode(),
                "isHtml": is_html,
            }


def _footed(raw: bytes) -> bytes:
    edits = Edits(Message(raw))
    assert edits.add_footer(TEXT, HTML)
    return b"".join(edits.content.parts())


@pytest.fixture(scope="module")
def shown(chromium: Chromium) -> Any:
    frames = [text for name, raw in FOOTED.items() for text in _texts(name, _footed(raw))]
    return chromium.ask(_FRAMES % json.dumps(frames), _QUESTION)


def test_forty_kinds_are_looked_at(shown: dict[str, Any]) -> None:
    assert len({name.rpartition(" (")[0] for name in shown}) >= 40


def test_a_footer_is_seen_once_under_the_words_that_were_there(shown: dict[str, Any]) -> None:
    for name, seen in shown.items():
        text = seen["text"]
        assert text.count(SHOWN) == 1 or "another mail" in text, name
        assert seen["height"] > 0, name
        if " words" in text and "another mail" not in text:
            assert text.rindex(" words") < text.index(SHOWN), name


def test_nothing_of_the_footer_shows_its_markup(shown: dict[str, Any]) -> None:
    for name, seen in shown.items():
        assert "&#" not in seen["text"], name
        assert "<hr>" not in seen["text"], name
        assert "=C3" not in seen["text"], name
