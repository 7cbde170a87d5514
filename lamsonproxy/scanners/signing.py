"""Signatures under what the application sends: DKIM, and for mail that is sent on an ARC seal too.

    key = Key.read("example.org", "mail2026", Path("/etc/lamson/mail2026.pem"))
    signer = Signer([key], authserv_id="mx.example.org")
    octets = signer.signed(outgoing).content

Whose key signs: that of the domain of From or of the nearest one above it; else, for a list, that of the envelope
sender.

Law: what leaves is the content with fields above it, and not an octet of it changed. Mail that cannot be signed leaves
unsigned, with the reason: a signature helps it to be believed, and is no reason to keep it. A key that cannot be used
is a mistake told at start. Takes some 20 ms of CPU: call it in a thread.

RFC 6376 §5.4.1 (what to sign), §8.15 (fields are signed once more than they are there, so that none can be added);
RFC 8617 §5.1 (sealing), §5.1.1 (the results that a seal carries on).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dkim import crypto  # type: ignore[import-untyped] # no types

from lamsonproxy.errors import ConfigError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.authentication import results_of
from lamsonproxy.mail.conversation import Outgoing
from lamsonproxy.mail.message import Message
from lamsonproxy.ports import Signed
from lamsonproxy.scanners.authentication import field_value
from lamsonproxy.scanners.dkim_library import dkim

MOST_HEADERS = 400
"""Fields of a head that is signed: the library takes all of them apart for each that it signs."""

MOST_HEAD_OCTETS = 1 << 20
"""Octets of a head that is signed; behind more of them nobody has counted the fields."""

LEAST_BITS = 1024
"""A signature by a shorter key counts as none (RFC 8301 §3.2)."""

REMEMBERED = 64
"""Mails whose signatures are kept, a few KiB each: with VERP the same octets leave for each recipient."""

_GUARDED = (b"from", b"to", b"cc", b"subject", b"date", b"reply-to", b"content-type", b"mime-version")
"""Signed once more than they are there: a second one of these would be shown instead of the first."""

_ABSENT = (b"cc", b"reply-to", b"subject")
"""Those of them that are signed where there is none, too. Postfix may add the others on the way (Date, to what
comes from its own machine), and so may gateways that make mail MIME."""

_ALSO_SIGNED = b"list-unsubscribe-post"
"""What the library does not know; unsigned, nobody obeys it (RFC 8058 §4)."""


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
            bits = crypto.parse_pem_private_key(pem)["modulus"].bit_length()
        except (crypto.UnparsableKeyError, ValueError, LookupError, TypeError) as error:
            raise ConfigError(f"The key of {domain} is no RSA key in PEM: {path}.") from error
        if bits < LEAST_BITS:
            raise ConfigError(
                f"The key of {domain} has {bits} bits, and below {LEAST_BITS} counts for nothing: {path}."
            )
        return cls(Address(f"postmaster@{domain}").ascii_domain, selector, pem)

    def is_for(self, domain: str) -> bool:
        """Whether its signature is aligned with this domain (RFC 7489 §3.1.1)."""
        return domain == self.domain or domain.endswith(f".{self.domain}")


def read_keys(wanted: Iterable[tuple[str, str, Path]]) -> list[Key]:
    """The keys with these domains, selectors and files. Raises ConfigError with every mistake."""
    keys, problems = list[Key](), list[str]()
    for domain, selector, path in wanted:
        try:
            keys.append(Key.read(domain, selector, path))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(*problems)
    return keys


class Signer:
    """Signs with the keys of several domains; see the port of this name."""

    def __init__(self, keys: Iterable[Key], *, authserv_id: str = "") -> None:
        """`authserv_id` is the name of our own border: a seal carries its results on; without it nothing is sealed."""
        self._keys = sorted(keys, key=lambda key: key.domain.count("."), reverse=True)
        self._authserv_id = authserv_id
        self._made: dict[bytes, bytes] = {}
        """The fields of the last mails, by what they were made of; the youngest at the end."""

    def signed(self, outgoing: Outgoing) -> Signed:
        """The content of an outgoing mail, signed as far as there is a key. Never raises."""
        message = Message(outgoing.content)
        key = self._key_for(message, outgoing.envelope.sender)
        if key is None:
            return Signed(outgoing.content)
        is_sealed = outgoing.kind == "send_on" and bool(self._authserv_id)
        fields, trouble = self._fields(message, key, is_sealed=is_sealed)
        return Signed(_above(message, fields), trouble)

    def _fields(self, message: Message, key: Key, *, is_sealed: bool) -> tuple[bytes, Exception | None]:
        """The fields to be put above the mail, and why some of them are missing."""
        asked = hashlib.sha256(b"%s %d\n" % (key.domain.encode(), is_sealed) + message.raw).digest()
        fields = self._made.pop(asked, b"")
        try:
            if not fields:
                fields = _signature(message, key)
                if is_sealed:
                    fields = self._seal(Message(_above(message, fields)), key) + fields
        except dkim.MessageFormatError:
            # Its sentence quotes the mail, which is nothing for a log.
            return fields, ValueError("its head has a line that is no field")
        except Exception as error:
            # Said in the law: it leaves without. What the library cannot read, a stranger has written.
            return fields, error
        self._remember(asked, fields)
        return fields, None

    def _remember(self, asked: bytes, fields: bytes) -> None:
        self._made[asked] = fields
        if len(self._made) > REMEMBERED:
            del self._made[next(iter(self._made))]

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
        sealing = dkim.ARC(stated + rest)
        sealing.body = _body(message)
        seal = sealing.sign(key.selector.encode(), key.domain.encode(), key.pem, self._authserv_id.encode())
        return b"".join(seal)


def _signature(message: Message, key: Key) -> bytes:
    signing = dkim.DKIM(_head(message))
    signing.body = _body(message)
    # relaxed in the body too: mail servers on the way take blanks off the ends of lines.
    field: bytes = signing.sign(
        key.selector.encode(),
        key.domain.encode(),
        key.pem,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=_names(signing),
    )
    return field


def _names(signing: dkim.DKIM) -> list[bytes]:
    """The names of the fields to be signed, one for each time."""
    signing.add_frozen(_GUARDED)
    signing.should_sign.add(_ALSO_SIGNED)
    names: list[bytes] = signing.default_sign_headers()
    there = {name.lower() for name in names}
    return [*names, *(name for name in _ABSENT if name not in there)]


def _head(message: Message) -> bytes:
    """The fields alone. Raises ValueError where the library should not, or could not, take them apart."""
    head, fields = message.head, len(message.headers)
    if fields > MOST_HEADERS:
        raise ValueError(f"its head has {fields} fields, and at most {MOST_HEADERS} are signed")
    if head.end - head.start > MOST_HEAD_OCTETS:
        raise ValueError(f"its head has more than {MOST_HEAD_OCTETS} octets")
    if head.body_start == head.end < len(message.raw):
        # Whoever verifies it would read this line as a field, or refuse it.
        raise ValueError("its head ends at a line that is no field")
    return message.raw[head.start : head.end]


def _body(message: Message) -> bytes:
    # Not left to the library, which would make an object of each line: they are more than the mail is large.
    return message.raw[message.body_start :]


def _above(message: Message, fields: bytes) -> bytes:
    # An mbox line, if there is one, stays first: below another field it would end the head.
    start = message.head.start
    return message.raw[:start] + fields + message.raw[start:]
