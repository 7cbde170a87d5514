"""What is fuzzed: each target takes any octets and returns, or raises because a promise was broken.

Law: a target is a function of its octets alone, so that a file of them is a finding. Only the refusals that the package
documents are caught. What follows three NULs in the octets is what a handler would say: a field to add, a tag.
"""

import re
from collections.abc import Callable, Iterator

from lamsonproxy.mail import verp
from lamsonproxy.mail.address import Address, parse_path
from lamsonproxy.mail.bounce import Bounce, parse_bounce
from lamsonproxy.mail.bounces.finding import ACTIONS
from lamsonproxy.mail.bounces.reasons import REASONS
from lamsonproxy.mail.correspondent import known_as, reachable
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.fields import Mailbox, as_line, mailbox, write_mailboxes
from lamsonproxy.mail.headers import FIELDS_LIMIT, Field
from lamsonproxy.mail.mailboxes import first_address, read_mailboxes
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.srs import Srs
from lamsonproxy.mail.words import decode, encode, one_line
from tests.corpus.editing import edit_everything
from tests.corpus.reading import read_everything

Target = Callable[[bytes], None]

SEPARATOR = b"\0\0\0"
_LOOKED_AT = 20
"""Addresses of a header that all is asked of: what is timed is how they are read."""

_WRITTEN = 1000
"""Characters that are written: nobody writes more, and the reader has limits."""

_LINE_BREAKERS = "\r\n\0"
# With a domain that is one, and no wrapping of another host's around it.
_MAY_BE_REWRITTEN = re.compile(r'(?!"?srs)[^"@]+@(?!forward\.example)[^=@\s]+', re.IGNORECASE)
_SRS = Srs("forward.example", [b"secret"])


# -- the header splicer ----------------------------------------------------------------------------------------


def splicer(octets: bytes) -> None:
    """A header is added, inserted, replaced, tagged, removed: that one is another, and nothing else is."""
    raw, _, said = octets.partition(SEPARATOR)
    name, _, value = said.decode("utf-8", "surrogateescape").partition(":")
    message = Message(raw)
    if any(field.raw.startswith(b"From ") for field in message.headers):
        # A field here, and an mbox line where an edit puts it on top or ends it. smtpd(8) reads it so too.
        return
    if len(message.headers) >= FIELDS_LIMIT:
        # What is added behind them is not read back: the reader has a limit.
        return
    for edit in (_added, _inserted, _replaced, _tagged, _removed):
        edits = Edits(message)
        try:
            edit(edits, name or "X-Fuzz", value or "soup")
        except ValueError:
            assert not edits.changed
        edits.undo()
        assert edits.content.parts() == (raw,)


def _added(edits: Edits, name: str, value: str) -> None:
    edits.headers.add(name, value)
    (*others, new) = _fields(edits)
    _is_the_field(new, name, value)
    _differs_by(edits, new, _with_end([field.raw for field in edits.message.headers]), others)


def _inserted(edits: Edits, name: str, value: str) -> None:
    edits.headers.insert(name, value)
    (new, *others) = _fields(edits)
    _is_the_field(new, name, value)
    _differs_by(edits, new, [field.raw for field in edits.message.headers], others)


def _is_the_field(field: Field, name: str, value: str) -> None:
    assert field.name == name
    assert field.value.strip(" \t") == one_line(value, Defects()).strip(" \t")
    assert field.raw.isascii() and field.raw.endswith(b"\r\n")
    assert all(len(line) <= 998 for line in field.raw.split(b"\r\n"))


def _differs_by(edits: Edits, new: Field, before: list[bytes], others: list[Field]) -> None:
    assert [field.raw for field in others] == before
    left, leaves = edits.message.raw, _octets(edits)
    assert leaves.count(new.raw) >= 1
    assert len(leaves) - len(left) - len(new.raw) in (0, len(b"\r\n"))
    assert _same_body(edits)


def _replaced(edits: Edits, name: str, value: str) -> None:
    edits.headers.replace("Subject", value)
    (new,) = (field for field in _fields(edits) if field.name.lower() == "subject")
    _is_the_field(new, new.name, value)
    _others_stay(edits, "subject")


def _tagged(edits: Edits, name: str, value: str) -> None:
    had = edits.message.headers.count("Subject")
    edits.tag_subject(value)
    subjects = [field.value for field in _fields(edits) if field.name.lower() == "subject"]
    assert len(subjects) == max(had, 1)
    assert value.casefold() in subjects[0].casefold()
    _others_stay(edits, "subject")


def _removed(edits: Edits, name: str, value: str) -> None:
    count = edits.message.headers.count("Received")
    assert edits.headers.remove("Received") == count
    assert not any(field.name.lower() == "received" for field in _fields(edits))
    _others_stay(edits, "received")


def _others_stay(edits: Edits, name: str) -> None:
    before, after = (
        [field.raw for field in fields if field.name.lower() != name]
        for fields in (edits.message.headers, _fields(edits))
    )
    assert after in (before, _with_end(before))
    assert _same_body(edits)


def _with_end(fields: list[bytes]) -> list[bytes]:
    """A last field without a line end gets one where something follows it."""
    return [field if field.endswith(b"\n") else field + b"\r\n" for field in fields]


def _fields(edits: Edits) -> list[Field]:
    """The fields as the next host reads them."""
    return list(Message(_octets(edits)).headers)


def _same_body(edits: Edits) -> bool:
    message, leaves = edits.message, _octets(edits)
    return leaves.endswith(message.raw[message.head.end :]) and edits.content.body is None


def _octets(edits: Edits) -> bytes:
    return b"".join(edits.content.parts())


# -- the MIME reader -------------------------------------------------------------------------------------------


def reader(octets: bytes) -> None:
    """Everything is read, every part edited, and taken back."""
    message = read_everything(octets)
    assert all(0 <= part.start <= part.end <= len(octets) for part in message.parts)
    for text in (message.text, message.html, message.subject, *_names(message)):
        text.encode("utf-8")
    edit_everything(octets)


def _names(message: Message) -> Iterator[str]:
    for part in message.parts:
        assert not set(part.filename) & set("/\\\r\n\0")
        yield part.filename


# -- the address parser ----------------------------------------------------------------------------------------


def addresses(octets: bytes) -> None:
    """Paths, headers of addresses, and all that is done with an address."""
    text = octets.decode("utf-8", "surrogateescape")
    _path(text)
    first_address(octets)
    defects = Defects()
    for each in read_mailboxes(octets, defects)[:_LOOKED_AT]:
        assert not set(each.name) & set(_LINE_BREAKERS)
        _address(each.address)
        _written(each)
    _words(decode(octets.decode("latin-1"), defects))
    try:
        _written(mailbox(text))
    except ValueError:
        return


def _path(text: str) -> None:
    try:
        address, rest = parse_path(text)
    except ValueError:
        return
    assert not rest.startswith(" ")
    assert parse_path(f"<{address.raw}>") == (address, "")
    _address(address)


def _address(address: Address) -> None:
    assert Address(address.wire.decode("utf-8", "surrogateescape")) == address
    assert address.spec in (address.local, f"{address.local}@{address.domain}")
    assert address.ascii_domain == Address(f"a@{address.ascii_domain}").ascii_domain
    known_as(address)
    _returned(reachable(address))


def _returned(address: Address) -> None:
    """SRS and VERP give back what they were made of."""
    forwarded = _SRS.forward(address, day=20_000)
    if _MAY_BE_REWRITTEN.fullmatch(address.spec):
        assert _SRS.reverse(forwarded, day=20_001).spec == address.spec
    try:
        wrapped = verp.encode("bounces@lists.example.org", address.spec)
    except ValueError:
        return
    unwrapped = verp.decode(wrapped)
    assert unwrapped and verp.encode(unwrapped.sender, unwrapped.recipient) == wrapped


def _written(given: Mailbox) -> None:
    """What is written as one mailbox is read as one, with the same name."""
    if len(given.name) > _WRITTEN:
        return
    try:
        field = write_mailboxes("To", [given, given])
    except ValueError:
        return
    read = read_mailboxes(field.raw_value, Defects())
    assert [each.name.split() for each in read] == [given.name.split()] * 2
    assert write_mailboxes("To", [Mailbox(each.address, given.name) for each in read]) == field


def _words(text: str) -> None:
    assert not set(text) & set(_LINE_BREAKERS)
    assert decode(" ".join(encode(text[:_WRITTEN])), Defects()) == text[:_WRITTEN]


# -- the bounce parser -----------------------------------------------------------------------------------------


def bounces(octets: bytes) -> None:
    """What is found keeps to the closed sets and to the octets."""
    bounce = parse_bounce(octets)
    if bounce is not None:
        _check_bounce(bounce)


def _check_bounce(bounce: Bounce) -> None:
    assert bounce.kind in ("failure", "delay", "feedback", "vacation", "delivered")
    assert not bounce.hard or bounce.kind == "failure"
    assert not set(bounce.message_id) & set(_LINE_BREAKERS)
    for recipient in bounce.recipients:
        assert recipient.reason in REASONS and recipient.action in ACTIONS
        assert re.fullmatch(r"(?:[245]\.[0-7]\.\d{1,3})?", recipient.status)
        assert re.fullmatch(r"(?:[245]\d\d)?", recipient.reply)
        assert as_line(recipient.address) == recipient.address


TARGETS: dict[str, Target] = {each.__name__: each for each in (splicer, reader, addresses, bounces)}
