"""`add_header`, `tag_subject`, `footer`, `strip_attachments`: one thing changed, all else left as it came.

Law: what may not be changed, because it is signed or encrypted, is not changed; then the option says what becomes of
the mail.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lamsonproxy.app.handlers.options import needed, several, text_of
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import stateless
from lamsonproxy.errors import AppError
from lamsonproxy.mail.edits import SealedError
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.footer import Footer
from lamsonproxy.mail.verdict import Quarantine

Sealed = Literal["quarantine", "leave", "force"]
"""What becomes of an attachment that is signed or encrypted."""


def add_header(*, name: str, value: str, replace: bool = False) -> Handler:
    """Add a header field; with `replace`, in the place of those of its name."""
    _check_field(name, value)

    @stateless
    def add(mail: Mail, **captures: str | None) -> None:
        change = mail.headers.replace if replace else mail.headers.add
        change(name, value)

    return add


def tag_subject(*, tag: str) -> Handler:
    """Put a tag such as "[cooks]" in front of the subject, unless it has it."""
    needed("tag_subject", tag=tag)
    _check_field("Subject", tag)

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
    needed("footer", text=plain, text_file=plain)
    try:
        Footer(plain, rich)
    except ValueError as error:
        raise AppError(f"{error}.") from error

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


def _check_field(name: str, value: str) -> None:
    try:
        write_field(name, value)
    except ValueError as error:
        raise AppError(f"{error}.") from error
