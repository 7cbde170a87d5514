"""Signatures under what the application sends: DKIM, and for mail that is sent on an ARC seal too.

    key = Key.read("example.org", "mail2026", Path("/etc/lamson/mail2026.pem"))
    signer = Signer([key], authserv_id="mx.example.org")
    octets = signer.signed(outgoing)

Whose key signs: that of the domain of From or of one above it; else, for a list, that of the envelope sender.

Law: what leaves is the content with fields above it, and not an octet of it changed. Mail that cannot be signed leaves
unsigned: a signature helps it to be believed, and is no reason to keep it. A key that cannot be used is a mistake told
at start. Takes some 20 ms of CPU: call it in a thread.

RFC 6376 §5.4.1 (what to sign), §8.15 (fields are signed once more than they are there, so that none can be added);
RFC 8617 §5.1 (sealing), §5.1.1 (the results that a seal carries on).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dkim  # type: ignore[import-untyped] # no types
from dkim.crypto import UnparsableKeyError, parse_pem_private_key  # type: ignore[import-untyped]

from lamsonproxy.errors import ConfigError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.authentication import results_of
from lamsonproxy.mail.conversation import Outgoing
from lamsonproxy.mail.message import Message
from lamsonproxy.scanners.authentication import field_value

MOST_HEADERS = 400
"""Fields of a head that is signed: the library takes all of them apart for each that it signs."""

_GUARDED = (b"from", b"to", b"cc", b"subject", b"date", b"reply-to", b"content-type", b"mime-version")
"""Signed once more than they are there: a second one of these would be shown instead of the first."""


@dataclass(frozen=True, slots=True)
class Key:
    """A domain's private key, and the name under which DNS has the public one."""

    domain: str
    selector: str
    pem: bytes

    def __repr__(self) -> str:
        return f"Key({self.domain!r}, {self.selector!r})"

    @classmethod
    def read(cls, domain: str, selector: str, path: Path) -> "Key":
        """An RSA key in PEM. Raises ConfigError when it cannot be read or used."""
        try:
            pem = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"The key of {domain} cannot be read: {path}: {error.strerror}.") from error
        try:
            parse_pem_private_key(pem)
        except (UnparsableKeyError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"The key of {domain} is no RSA key in PEM: {path}.") from error
        return cls(Address(f"postmaster@{domain}").ascii_domain, selector, pem)

    def is_for(self, domain: str) -> bool:
        """Whether its signature is aligned with this domain (RFC 7489 §3.1.1)."""
        return domain == self.domain or domain.endswith(f".{self.domain}")


class Signer:
    """Signs with the keys of several domains."""

    def __init__(self, keys: Sequence[Key], *, authserv_id: str = "") -> None:
        """`authserv_id` is the name of our own border: a seal carries its results on; without it nothing is sealed."""
        self._keys = tuple(keys)
        self._authserv_id = authserv_id

    def signed(self, outgoing: Outgoing) -> bytes:
        """The content of an outgoing mail, signed as far as there is a key. Never raises."""
        message = Message(outgoing.content)
        key = self._key_for(message, outgoing.envelope.sender)
        if key is None or len(message.headers) > MOST_HEADERS:
            return outgoing.content
        signed = _above(message, _signature(message, key))
        if outgoing.kind == "send_on" and self._authserv_id:
            signed = _above(Message(signed), self._seal(Message(signed), key))
        return signed

    def _key_for(self, message: Message, sender: Address) -> Key | None:
        author = Address(message.sender).ascii_domain
        for domain in (author, sender.ascii_domain):
            for key in self._keys:
                if key.is_for(domain):
                    return key
        return None

    def _seal(self, message: Message, key: Key) -> bytes:
        """The three fields of a seal; nothing where our border has found out nothing about the mail."""
        results = results_of(message, self._authserv_id)
        if not results:
            return b""
        # The library believes every field of our name; this leaves it the one that our border's position vouches for.
        rest = b"".join(
            field.raw for field in message.headers if field.name.lower() != "authentication-results"
        )
        stated = f"Authentication-Results: {field_value(self._authserv_id, results)}\r\n".encode()
        sealing = stated + rest + b"\r\n" + message.raw[message.body_start :]
        try:
            fields = dkim.ARC(sealing).sign(
                key.selector.encode(), key.domain.encode(), key.pem, self._authserv_id.encode()
            )
        except Exception:
            # Said in the law: it leaves without. What the library cannot read, a stranger has written.
            return b""
        return b"".join(fields)


def _signature(message: Message, key: Key) -> bytes:
    try:
        signing = dkim.DKIM(message.raw)
        signing.add_frozen(_GUARDED)
        # relaxed in the body too: mail servers on the way take blanks off the ends of lines.
        field: bytes = signing.sign(
            key.selector.encode(), key.domain.encode(), key.pem, canonicalize=(b"relaxed", b"relaxed")
        )
    except Exception:
        # As with a seal.
        return b""
    return field


def _above(message: Message, fields: bytes) -> bytes:
    # An mbox line, if there is one, stays first: below another field it would end the head.
    start = message.head.start
    return message.raw[:start] + fields + message.raw[start:]
