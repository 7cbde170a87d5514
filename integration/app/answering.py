"""An application that answers whatever it can, and a list that has the other host's list for a member."""

from lamsonproxy import App, Consume, route, stateless
from lamsonproxy.app.mail import Mail

OTHER = {"one.test": "another.test", "another.test": "one.test"}


@route("desk@(host)")
@stateless
def answer(mail: Mail, host: str) -> Consume:
    mail.reply(text="We have your mail.")
    return Consume()


@route("signed@(host)")
@stateless
def answer_by_name(mail: Mail, host: str) -> Consume:
    """Not from <>, as answers should be: bounces and answers come back."""
    mail.reply(text="We have your mail.", sender=f"signed@{host}")
    return Consume()


@route("list@(host)")
@stateless
def send_on(mail: Mail, host: str) -> Consume:
    mail.send_on(to=[f"list@{OTHER[host]}", f"member@{host}.example"], sender=f"bounces@{host}")
    return Consume()


@route("bounces@(host)")
@stateless
def take(mail: Mail, host: str) -> Consume:
    return Consume()


app = App("integration.app.answering", captures={"host": r"(?:one|another)\.test"})
