"""What people asked for, as the web site sees it too."""

from django.db import models, transaction
from django.db.models.functions import Now


class Ticket(models.Model):
    """What somebody wants. A correspondent has one open ticket at most."""

    correspondent = models.CharField(max_length=320)
    is_open = models.BooleanField(db_default=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["correspondent"], condition=models.Q(is_open=True), name="one_open_ticket"
            ),
        )


class Message(models.Model):
    """One mail about it."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="messages")
    mail_key = models.CharField(max_length=64, unique=True)
    """`mail.key`: the same whenever Postfix tries the same mail again, and another one for every other mail."""
    text = models.TextField()
    received_at = models.DateTimeField(db_default=Now())


@transaction.atomic
def file(key: str, correspondent: str, text: str) -> Ticket:
    """Put a mail into the open ticket of its correspondent, or into a new one. A mail that is filed already stays
    where it is, and that ticket is the answer."""
    filed = Message.objects.select_related("ticket").filter(mail_key=key).first()
    if filed is not None:
        return filed.ticket
    ticket, _ = Ticket.objects.get_or_create(correspondent=correspondent, is_open=True)
    Message.objects.create(ticket=ticket, mail_key=key, text=text)
    return ticket


@transaction.atomic
def close(key: str, correspondent: str, text: str) -> Ticket:
    """File a mail, and close its ticket: that one, even if the correspondent has opened another since."""
    ticket = file(key, correspondent, text)
    Ticket.objects.filter(pk=ticket.pk).update(is_open=False)
    return ticket
