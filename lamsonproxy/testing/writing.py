"""The mails that tests write.

Law: what a test says stands in the mail as it says it; it may be odd, but it is a mail. With octets of his own (`raw`)
a test may write anything.

RFC 5322 §3.6.
"""

from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from lamsonproxy.testing.letter import Letter


def write_mail(
    from_: str,
    to: str,
    *,
    subject: str,
    text: str,
    html: str = "",
    message_id: str,
    date: datetime,
    answers: Letter | None = None,
    headers: Mapping[str, str],
) -> bytes:
    """A mail; what `headers` holds stands in the place of what was made."""
    mail = EmailMessage(SMTP.clone(utf8=not (from_ + to).isascii()))
    made = {
        "From": from_,
        "To": to,
        "Subject": subject,
        "Date": format_datetime(date),
        "Message-ID": message_id,
        **(_answering(answers) if answers else {}),
    }
    for name, value in _over(made, headers).items():
        mail[name] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


def _answering(letter: Letter) -> dict[str, str]:
    """RFC 5322 §3.6.4."""
    own = letter.headers.get("Message-ID")
    before = letter.headers.get("References")
    return {"In-Reply-To": own, "References": f"{before} {own}".strip()}


def _over(made: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    names = {name.lower() for name in given}
    return {**{name: value for name, value in made.items() if name.lower() not in names}, **given}
