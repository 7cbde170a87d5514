"""`queue` and `archive`: a copy in a Maildir, beside the mail that goes on.

Law: a copy is durable before the handler returns, or the mail is 451. It has the octets of the mail as it came, below
the envelope, written as a local delivery writes it. Its name is made of what it holds, so a mail that is tried again
takes its own place, and a mail to several recipients is kept once.

maildir(5); RFC 5321 §4.4 (Return-Path), Postfix's local(8) for X-Original-To.
"""

import hashlib
from pathlib import Path

from lamsonproxy import durable
from lamsonproxy.app.handlers.options import needed
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import stateless
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.headers import find_head


def queue(*, folder: str | Path) -> Handler:
    """Keep a copy of the mail as it came in a Maildir, made when missing."""
    needed("queue", folder=str(folder))

    @stateless
    def keep(mail: Mail, **captures: str | None) -> None:
        _keep(mail, Path(folder))

    return keep


def archive(*, folder: str | Path) -> Handler:
    """Keep a copy as `queue` does, in a Maildir for each month (UTC): `folder/2026-03`."""
    needed("archive", folder=str(folder))

    @stateless
    def keep(mail: Mail, **captures: str | None) -> None:
        _keep(mail, Path(folder) / f"{mail.now:%Y-%m}")

    return keep


def _keep(mail: Mail, folder: Path) -> None:
    if mail.dry_run:
        return
    content = _with_envelope(mail)
    # The envelope counts: the same octets to somebody else are another mail.
    name = hashlib.sha256(content).hexdigest()
    maildir = folder.absolute()
    durable.make_folders(maildir / "cur")
    durable.hold(maildir / "tmp", maildir / "new" / name, (content,)).release()


def _with_envelope(mail: Mail) -> bytes:
    recipients = (recipient.address for recipient in mail._received.envelope.recipients)
    lines = [_line(b"Return-Path", mail.sender), *(_line(b"X-Original-To", each) for each in recipients)]
    raw = mail.original
    # An mbox line, if there is one, stays first: below a field it would end the head.
    start = find_head(raw, Defects()).start
    # A first line that begins with a blank would continue ours.
    gap = b"\r\n" if raw[start : start + 1] in (b" ", b"\t") else b""
    return b"".join((raw[:start], *lines, gap, raw[start:]))


def _line(name: bytes, address: Address) -> bytes:
    # In the octets that came: no address holds a line's end.
    return name + b": <" + address.wire + b">\r\n"
