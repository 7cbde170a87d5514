"""Leaving a list: by asking for it, or because nobody is at the address any more."""

from app.handlers import lists
from app.model import members
from lamsonproxy import Confirmation, Consume, route, stateless
from lamsonproxy.mail.bounce import parse_bounce

STATE_KEY = ("list_name",)
leaving = Confirmation("leave", template="leave.mako")


@route("(list_name)-leave@(host)")
@route("(list_name)-leave-confirm-(secret)@(host)")
def START(mail, list_name, host, secret=None):
    if not leaving.answered(mail, secret):  # anybody can write in anybody's name, so it is asked first
        leaving.ask(mail, list_name=list_name)
        return None
    members.remove(mail.db, list_name, mail.sender)
    mail.reply("goodbye.mako", from_=f"{list_name}-leave@{host}")
    return lists.START  # a state of the other module: there, the sender is a stranger again


@route("(list_name)-bounces@(host)")
@stateless
def bounced(mail, list_name, host):
    # A bounce is easily forged: who counts on it must write to each member from an address of his own (VERP).
    bounce = parse_bounce(mail.original)
    for recipient in bounce.recipients if bounce else ():
        if recipient.hard:
            members.bounced(mail.db, list_name, recipient.address)
    return Consume()
