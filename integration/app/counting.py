"""An application whose every mail leaves three traces in one transaction: a step, a row of its own, and a mail.

What comes to `step.NUMBER.TAG@app.test` is a step of the conversation NUMBER; TAG tells the mails apart, so that what
was done once, twice or never can be counted afterwards (integration/ledger.py).
"""

from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lamsonproxy import Accept, App, Consume, route, route_like, stateless
from lamsonproxy.app.mail import Mail

STATE_KEY = ("number",)


class Base(DeclarativeBase):
    """The application's own tables."""


class Effect(Base):
    """A handler has run, and it counted."""

    __tablename__ = "effect"

    id: Mapped[int] = mapped_column(primary_key=True)
    tag: Mapped[str] = mapped_column(String(100))


def leave_traces(mail: Mail, tag: str) -> None:
    """The row and the mail."""
    mail.db.add(Effect(tag=tag))
    mail.send(to=f"{tag}@witness.test", from_="counting@app.test", subject="One more", text=tag)


@route("step.(number).(tag)@(host)")
def START(mail: Mail, number: str, tag: str, host: str) -> object:
    leave_traces(mail, tag)
    return ODD


@route_like(START)
def ODD(mail: Mail, number: str, tag: str, host: str) -> object:
    leave_traces(mail, tag)
    return EVEN


@route_like(START)
def EVEN(mail: Mail, number: str, tag: str, host: str) -> object:
    leave_traces(mail, tag)
    return ODD


@route("chain.(tag)@(host)")
@stateless
def chained(mail: Mail, tag: str, host: str) -> Accept | Consume:
    """On by the first door, taken by the second."""
    leave_traces(mail, f"{tag}.{mail.session.door}")
    return Accept() if mail.session.door == "filter" else Consume()


app = App(
    "integration.app.counting",
    tables=Base,
    captures={"tag": "[a-z0-9]+", "number": "[0-9]+", "host": r"app\.test"},
)
