"""A filter in ten lines: every mail gets a header, forgeries of ours go, and programs stay outside.

Run it from this folder:  lamson run -c lamson.toml
"""

from lamsonproxy import App, Mail, Quarantine, route, stateless


@route(".+@(host)")
@stateless
def stamp(mail: Mail, host: str) -> Quarantine | None:
    mail.headers.remove("X-Spam-Flag")  # Whoever sent it may have put it there.
    mail.headers.add("X-Checked-By", "lamsonproxy")
    if mail.message.has_attachment("*.exe"):
        return Quarantine("executable attachment")
    return None


app = App(__name__, captures={"host": ".+"})
