"""`queue` and `archive`: a copy in a Maildir, beside the mail that goes on.

Law: a copy is durable before the handler returns, or the mail is 451. It has the octets of the mail as it came, below
the envelope, written as a local delivery writes it. Its name is made of what it holds, so a mail that is tried again
takes its own place, and a mail to several recipients is kept once.

maildir(5); RFC 5321 §4.4 (Return-Path), Postfix's local(8) for X-Original-To.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from lamsonproxy.app.handlers.options import needed
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import stateless
from lamsonproxy.errors import StorageError
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
    try:
        _write(folder.absolute(), name, content)
    except OSError as error:
        raise StorageError(f"cannot keep a copy in {folder}", error) from error


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


def _write(folder: Path, name: str, content: bytes) -> None:
    for box in ("tmp", "new", "cur"):
        _make(folder / box)
    held = folder / "tmp" / f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        descriptor = os.open(held, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(held, folder / "new" / name)
    except BaseException:
        with suppress(OSError):
            os.unlink(held)
        raise
    _sync(folder / "new")


def _make(folder: Path) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.is_dir()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
