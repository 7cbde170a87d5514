"""Writes down what everybody says, misses who falls silent, and takes leave of who stays silent."""

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lamsonproxy import Mail, route, route_like
from lamsonproxy.app.marks import after


class Base(DeclarativeBase):
    pass


class Said(Base):
    __tablename__ = "said"

    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str]
    what: Mapped[str]


@route("guestbook@(host)")
def START(mail: Mail, host: str) -> object:
    mail.db.add(Said(who=str(mail.sender), what=mail.text.strip()))
    mail.reply(subject="Welcome", text="Thank you.", html="<p>Thank <b>you</b>.")
    return KNOWN


@route_like(START)
@after(days=2, to="MISSED")
def KNOWN(mail: Mail, host: str) -> None:
    if "burn" in mail.text:
        raise RuntimeError("the guestbook is on fire")
    mail.db.add(Said(who=str(mail.sender), what=mail.text.strip()))


@route_like(START)
@after(days=1, to="part")
def MISSED(mail: Mail, host: str = "") -> object:
    if mail.original:
        return KNOWN
    mail.reply(subject="Where are you?", text="We miss you.")
    return None


def part(mail: Mail) -> object:
    if str(mail.sender).startswith("mallory@"):
        raise RuntimeError("nobody takes leave of Mallory")
    mail.reply(subject="Farewell", text="We shall forget you.")
    return START
