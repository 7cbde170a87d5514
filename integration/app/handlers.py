"""Handlers by address: what happens to mail for NAME@app.test is what NAME says; all other mail passes.

Law: each handler does one thing that an application may do, so that a case need only name its address.
"""

import asyncio

from lamsonproxy import Accept, Announced, Consume, Defer, Discard, Quarantine, Reject, route, stateless
from lamsonproxy.app.mail import Mail

SECRET = "canary-4711"
"""What the raising handler knows and nobody outside may learn."""


@route("closed@(host)", phase="rcpt")
def close(mail: Announced, host: str) -> Reject:
    return Reject("5.7.1", f"Closed to {mail.client_address}")


@route("grey@(host)", phase="rcpt")
def greylist(mail: Announced, host: str) -> Defer:
    return Defer("4.2.0", "Ask again in an hour")


@route("accept@(host)")
@stateless
def accept(mail: Mail, host: str) -> Accept:
    return Accept()


@route("consume@(host)")
@stateless
def consume(mail: Mail, host: str) -> Consume:
    return Consume()


@route("discard@(host)")
@stateless
def discard(mail: Mail, host: str) -> Discard:
    return Discard("nobody wants it")


@route("quarantine@(host)")
@stateless
def quarantine(mail: Mail, host: str) -> Quarantine:
    return Quarantine("a person should look at it")


@route("reject@(host)")
@stateless
def reject(mail: Mail, host: str) -> Reject:
    return Reject("5.7.1", "We do not take this")


@route("reject-whole@(host)")
@stateless
def reject_whole(mail: Mail, host: str) -> Reject:
    return Reject("5.7.1", "Nobody here takes this", whole=True)


@route("defer@(host)")
@stateless
def defer(mail: Mail, host: str) -> Defer:
    return Defer("4.2.0", "Ask again tomorrow")


@route("raise@(host)")
@stateless
def fail(mail: Mail, host: str) -> None:
    # A line end in an exception's text is how a second reply was once put on the wire.
    raise RuntimeError(f"{SECRET}\r\n250 Ok: injected")


@route("raise-but-accept@(host)", on_error="accept")
@stateless
def fail_open(mail: Mail, host: str) -> None:
    mail.headers.add("X-Half", "done")
    raise RuntimeError(SECRET)


@route("nonsense@(host)")
@stateless
def nonsense(mail: Mail, host: str) -> str:
    return "999 what is this"


@route("header@(host)")
@route("header.(tag)@(host)")
@stateless
def add_header(mail: Mail, host: str, tag: str = "") -> None:
    mail.headers.add("X-Stamp", "seen")


@route("personal.(tag)@(host)")
@stateless
def add_personal_header(mail: Mail, host: str, tag: str) -> None:
    mail.headers.add("X-For", tag)


@route("remove@(host)")
@stateless
def remove_header(mail: Mail, host: str) -> None:
    mail.headers.remove("X-Spam-Flag")


@route("body@(host)")
@stateless
def replace_body(mail: Mail, host: str) -> None:
    mail.replace_body(b"Another body.\r\n")


@route("redirect@(host)")
@stateless
def redirect(mail: Mail, host: str) -> None:
    mail.redirect("elsewhere@pass.test")


@route("copy@(host)")
@stateless
def copy(mail: Mail, host: str) -> None:
    mail.add_recipient("archive@pass.test")


@route("lostcopy@(host)")
@stateless
def copy_to_nobody(mail: Mail, host: str) -> None:
    mail.add_recipient("nobody@pass.test")  # whom the re-entry refuses


@route("sender@(host)")
@stateless
def set_sender(mail: Mail, host: str) -> None:
    mail.set_sender("bounces@app.test")


@route("slow.(tag)@(host)")
@stateless
async def take_a_while(mail: Mail, host: str, tag: str) -> None:
    await asyncio.sleep(0.05)  # Long enough for mail to be in flight whenever the service is killed.
