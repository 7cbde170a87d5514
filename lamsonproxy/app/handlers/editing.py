"""`add_header`, `tag_subject`, `footer`, `strip_attachments`: one thing changed, all else left as it came.

Law: what may not be changed, because it is signed or encrypted, is not changed; then the option says what becomes of
the mail.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lamsonproxy.app.handlers.options import needed, refusals, several, text_of
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import stateless
from lamsonproxy.mail.edits import SealedError
from lamsonproxy.mail.entity import text_entity
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.footer import Footer
from lamsonproxy.mail.tagging import check_tag
from lamsonproxy.mail.verdict import Quarantine

Sealed = Literal["quarantine", "leave", "force"]
"""What becomes of an attachment that is signed or encrypted."""


def add_header(*, name: str, value: str, replace: bool = False) -> Handler:
    """Add a header field; with `replace`, in the place of those of its name."""
    with refusals():
        write_field(name, value)

    @stateless
    def add(mail: Mail, **captures: str | None) -> None:
        change = mail.headers.replace if replace else mail.headers.add
        change(name, value)

    return add


def tag_subject(*, tag: str) -> Handler:
    """Put a tag such as "[cooks]" in front of the subject, unless it has it."""
    needed("tag_subject", tag=tag)
    with refusals():
        check_tag(tag)

    @stateless
    def put(mail: Mail, **captures: str | None) -> None:
        mail.edits.tag_subject(tag)

    return put


def footer(
    *,
    text: str = "",
    text_file: str | Path = "",
    html: str = "",
    html_file: str | Path = "",
    wrap: bool = False,
) -> Handler:
    """Put a footer under the text and the HTML. Signed and encrypted mail gets none; with `wrap`, beside it."""
    plain, rich = text_of("text", text, text_file), text_of("html", html, html_file)
    needed("footer", text=plain.strip(), text_file=plain.strip())
    with refusals():
        Footer(plain, rich)

    @stateless
    def put(mail: Mail, **captures: str | None) -> None:
        mail.edits.add_footer(plain, rich, wrap=wrap)

    return put


def strip_attachments(
    *, names: str | Sequence[str], note: str = "", sealed: Sealed = "quarantine"
) -> Handler:
    """Take out the attachments with such names, as in "*.exe"; a `note` stands in the place of each."""
    patterns = several(names)
    needed("strip_attachments", names=patterns)
    with refusals("note"):
        text_entity("plain", note)

    @stateless
    def strip(mail: Mail, **captures: str | None) -> Quarantine | None:
        for pattern in patterns:
            try:
                mail.edits.strip_attachments(pattern, note, force=sealed == "force")
            except SealedError:
                if sealed == "quarantine":
                    return Quarantine("an attachment to be removed is signed or encrypted")
        return None

    return strip
