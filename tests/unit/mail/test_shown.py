"""The text of HTML, as somebody would type it off a screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.shown import from_html, unescaped


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("<p></p>", ""),
        ("Hello", "Hello\n"),
        ("<p>Hello <b>there</b>,<br>two\n lines</p>", "Hello there,\ntwo lines\n"),
        ("<p>one</p>\n\n<p>two</p>", "one\n\ntwo\n"),
        ("<div>one</div><div>two</div><div><br></div><div>three</div>", "one\ntwo\n\nthree\n"),
        ("<ul><li>a<li>b</ul>c", "a\nb\n\nc\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("a <i> b</i>", "a b\n"),
        ("<pre>  x\n    y\r\n</pre>z", "  x\n    y\n\nz\n"),
        ("<style>p { color: red }</style><script>if (a < b) x()</script>a<!-- b -->c", "ac\n"),
        ("<head><title>t</title></head><body>b", "b\n"),
        ("a<!-- no end", "a\n"),
        ("a<style>no end", "a\n"),
        ("a &lt;b&gt; &amp;amp; &auml;&#8364;&nbsp;!", "a <b> &amp; ä€\xa0!\n"),
        ("a&#10;b&#13;&#12;c", "a b  c\n"),
        ("1 < 2 > 0 <3", "1 < 2 > 0 <3\n"),
        ("<P CLASS='x'>a</P><BR/>b", "a\n\n\nb\n"),
        ("<o:p>a</o:p><![if x]>b", "ab\n"),
        ("&#" + "1" * 5000 + "; &#x" + "f" * 5000 + ";", "\ufffd \ufffd\n"),
    ],
)
def test_html_is_shown_as_text(source: str, text: str) -> None:
    assert from_html(source) == text


def test_a_reference_to_no_character_is_one_that_nobody_has() -> None:
    assert unescaped("&#" + "9" * 10_000 + "&#65;") == "\ufffdA"


@given(
    st.text()
    | st.lists(
        st.sampled_from(
            ["<", ">", "<p", "<pre>", "</", "&#", "1" * 99, "<!--", "-->", '"', " ", "\n", "<style>", "x"]
        )
    ).map("".join)
)
def test_any_html_is_shown_and_ends_in_one_line_end(source: str) -> None:
    text = from_html(source)
    assert not text or (text.endswith("\n") and text.strip("\n"))
    assert "\r" not in text
