"""The help desk by mail, over Django's models: what Django writes here is committed before the mail is (README.md)."""

from helpdesk.connections import with_django

from lamsonproxy import NULL_SENDER, Discard, route, route_like, stateless
from tickets import models


@route(".+@(host)")
@stateless
def nobody(mail, host):
    if mail.sender == NULL_SENDER:
        return Discard("a bounce asks for nothing")


@route("desk@(host)")
@with_django
def START(mail, host):
    ticket = models.file(*words_of(mail))
    mail.reply(subject=f"Ticket {ticket.pk}", text=f"When it is done, tell us: desk-done@{host}")
    return WAITING


@route_like(START)
@route("desk-(done)@(host)")
@with_django
def WAITING(mail, host, done=None):
    if not done:
        models.file(*words_of(mail))
        return None
    ticket = models.close(*words_of(mail))
    mail.reply(subject=f"Ticket {ticket.pk} is closed", text="Write again at any time.", from_=f"desk@{host}")
    return START


def words_of(mail):
    return mail.key, str(mail.sender).lower(), mail.text
