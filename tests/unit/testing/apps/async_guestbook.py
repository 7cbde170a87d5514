"""The guestbook, on the event loop."""

from lamsonproxy import Mail, route, route_like
from lamsonproxy.app.marks import after
from tests.unit.testing.apps.guestbook import Base as Base
from tests.unit.testing.apps.guestbook import Said


@route("guestbook@(host)")
async def START(mail: Mail, host: str) -> object:
    mail.db.add(Said(who=str(mail.sender), what=mail.text.strip()))
    mail.reply(subject="Welcome", text="Thank you.", html="<p>Thank <b>you</b>.")
    return KNOWN


@route_like(START)
@after(days=2, to="MISSED")
async def KNOWN(mail: Mail, host: str) -> None:
    if "burn" in mail.text:
        raise RuntimeError("the guestbook is on fire")
    mail.db.add(Said(who=str(mail.sender), what=mail.text.strip()))


@route_like(START)
@after(days=1, to="part")
async def MISSED(mail: Mail, host: str = "") -> object:
    if mail.original:
        return KNOWN
    mail.reply(subject="Where are you?", text="We miss you.")
    return None


async def part(mail: Mail) -> object:
    if str(mail.sender).startswith("mallory@"):
        raise RuntimeError("nobody takes leave of Mallory")
    mail.reply(subject="Farewell", text="We shall forget you.")
    return START
