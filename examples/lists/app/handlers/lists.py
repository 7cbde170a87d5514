"""Joining a list, and writing to it."""

from app.model import members
from lamsonproxy import Confirmation, Reject, route, route_like

STATE_KEY = ("list_name",)  # one conversation per sender and list
joining = Confirmation("join", template="confirm.mako")


@route("(list_name)@(host)")
def START(mail, list_name, host):
    joining.ask(mail, list_name=list_name)  # mail from cooks-confirm-<secret>@host, into the outbox
    return CONFIRMING


@route_like(START)
@route("(list_name)-confirm-(secret)@(host)")
def CONFIRMING(mail, list_name, host, secret=None):
    if secret is None:  # wrote to the list before confirming
        joining.ask(mail, list_name=list_name)
        return
    if not joining.answered(mail, secret):
        return Reject("5.7.1", "That is not the code we sent you")
    members.add(mail.db, list_name, mail.sender)  # the same transaction as the state change
    mail.reply("welcome.mako", from_=f"{list_name}@{host}")
    return POSTING


@route_like(START)
def POSTING(mail, list_name, host):
    mail.send_on(to=members.of(mail.db, list_name), sender=f"{list_name}-bounces@{host}")
