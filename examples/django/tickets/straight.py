"""The same desk without Django's connection: its tables through `mail.db`, in the one transaction of the mail.

For this `database` in lamson.toml is Django's own database.
"""

from sqlalchemy import column, insert, select, table, update

from lamsonproxy import route, route_like
from tickets import models


def table_of(model):
    """A model's table in SQLAlchemy's words. What a model does in Python (`save`, signals, `default=`) does not happen;
    what the database does (`db_default=`, constraints) does."""
    return table(model._meta.db_table, *(column(field.column) for field in model._meta.concrete_fields))


ticket, message = table_of(models.Ticket), table_of(models.Message)


@route("desk@(host)")
def START(mail, host):
    mail.reply(subject=f"Ticket {file(mail)}", text=f"When it is done, tell us: desk-done@{host}")
    return WAITING


@route_like(START)
@route("desk-(done)@(host)")
def WAITING(mail, host, done=None):
    number = file(mail)
    if not done:
        return None
    mail.db.execute(update(ticket).where(ticket.c.id == number).values(is_open=False))
    mail.reply(subject=f"Ticket {number} is closed", text="Write again at any time.", from_=f"desk@{host}")
    return START


def file(mail):
    """Put a mail into the open ticket of its correspondent, or into a new one; the ticket's number."""
    who = str(mail.sender).lower()
    number = mail.db.scalar(select(ticket.c.id).where(ticket.c.correspondent == who, ticket.c.is_open))
    if number is None:
        number = mail.db.scalar(insert(ticket).values(correspondent=who).returning(ticket.c.id))
    mail.db.execute(insert(message).values(ticket_id=number, mail_key=mail.key, text=mail.text))
    return number
