"""An envelope as commands for a downstream that offers certain extensions.

Law: addresses and parameters go on in the spelling and order in which they came, each recipient with its own.
What downstream does not offer is left out where that changes nothing about the mail, as Postfix's smtp(8)
does; where it would change the mail (8-bit, UTF-8) it is an error that names the remedy: mail is never
converted, and never bounced for an operator's mistake.

RFC 5321 §4.1.1.2-3, RFC 1870 (SIZE), RFC 3461 §4 (DSN), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8),
XFORWARD_README.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lamsonproxy.errors import AppError, RemoteError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.esmtp import Params

_MAY_BE_LEFT_OUT = (("SIZE", ("SIZE",)), ("DSN", ("RET", "ENVID", "NOTIFY", "ORCPT")))
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands up to DATA, in order, without CRLF."""

    xforward: tuple[bytes, ...]
    mail: bytes
    rcpts: tuple[bytes, ...]

    @property
    def in_order(self) -> tuple[bytes, ...]:
        return (*self.xforward, self.mail, *self.rcpts)


def commands_for(envelope: Envelope, offered: Mapping[str, str]) -> Commands:
    """Write the commands; `offered` are downstream's EHLO keywords with their arguments.

    Raises RemoteError when downstream lacks what this mail needs, and AppError for an address that no command
    may hold.
    """
    _check_body(envelope.params, offered)
    return Commands(
        xforward=tuple(envelope.xforward.commands(frozenset(offered.get("XFORWARD", "").upper().split()))),
        mail=_command(b"MAIL FROM:<", envelope.sender, _fitted(envelope.params, offered)),
        rcpts=tuple(
            _command(b"RCPT TO:<", r.address, _fitted(r.params, offered)) for r in envelope.recipients
        ),
    )


def _check_body(params: Params, offered: Mapping[str, str]) -> None:
    if "SMTPUTF8" not in offered and params.get("SMTPUTF8") is not None:
        raise RemoteError("mail", "lacking", "this mail needs SMTPUTF8: set smtputf8_enable = yes downstream")
    if "8BITMIME" not in offered and (params.get("BODY") or "7BIT").upper() != "7BIT":
        raise RemoteError(
            "mail",
            "lacking",
            "this mail needs 8BITMIME: take it out of smtpd_discard_ehlo_keywords downstream",
        )


def _fitted(params: Params, offered: Mapping[str, str]) -> Params:
    if not params:
        return params
    for extension, keywords in _MAY_BE_LEFT_OUT:
        if extension not in offered:
            params = params.without(*keywords)
    # What is left of BODY here is 7BIT, which says nothing that silence does not.
    return params if "8BITMIME" in offered else params.without("BODY")


def _command(verb: bytes, address: Address, params: Params) -> bytes:
    command = verb + address.wire + b">"
    if params:
        command += b" " + str(params).encode("utf-8", "surrogateescape")
    # A handler may have made the address; a line break in it would be a second command.
    if _CONTROL.search(command):
        raise AppError(f"The address {address.raw[:80]!r} holds a control character")
    return command
