"""A filter: no state, no database."""

from lamsonproxy import Announced, Mail, Quarantine, Reject, route, stateless


@route("nobody@(host)", phase="rcpt")
def refuse(mail: Announced, host: str) -> Reject:
    return Reject("5.1.1", "Nobody lives here")


@route(".+@(host)")
@stateless
def stamp(mail: Mail, host: str) -> Quarantine | Reject | None:
    mail.headers.add("X-Checked-By", "lamsonproxy")
    if "odd" in mail.message.subject:
        return Quarantine("odd")
    if "spam" in mail.message.subject and mail.recipient.local == "bob":
        return Reject("5.7.1", "Bob wants no spam")
    return None
