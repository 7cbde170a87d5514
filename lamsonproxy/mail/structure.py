"""What stands where in a message: which part is in which, which are sealed, and which ones a reader sees as the text.

Law: one pass over the parts, in time linear in them. A part is sealed when changing it would make a signature false or
an encrypted text unreadable: the sealed entity itself, all that is in it, and nothing beside it.

RFC 1847 (multipart/signed, multipart/encrypted), RFC 3156 (PGP/MIME), RFC 8551 §3.2 (S/MIME), RFC 9580 §7 (PGP in
plain text), RFC 2387 §3.2 (the root of a related).
"""

import re
from collections.abc import Iterator, Sequence

from lamsonproxy.mail.part import Part

_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
# The object identifiers of CMS's content types (RFC 5652 §5.1, §6.1; RFC 5083), at the start of the DER or BER.
_CMS_SIGNED = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
_CMS_ENVELOPED = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
_CMS_AUTH_ENVELOPED = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"
_CMS_START = 64

_PGP_SIGNED = re.compile(rb"^-----BEGIN PGP SIGNED MESSAGE-----", re.MULTILINE)
_PGP_ENCRYPTED = re.compile(rb"^-----BEGIN PGP MESSAGE-----", re.MULTILINE)
_PGP_LIMIT = 256 * 1024
"""Octets of a text searched for PGP's armour: it begins behind some words of greeting at most."""


def is_signed(part: Part) -> bool:
    """Whether this entity is signed text: in S/MIME, in PGP/MIME, or by PGP in plain text."""
    if part.content_type in _PKCS7:
        return part.params.get("smime-type", "").lower() == "signed-data" or _cms_is(part, _CMS_SIGNED)
    return part.content_type == "multipart/signed" or _has_armour(part, _PGP_SIGNED)


def is_encrypted(part: Part) -> bool:
    """Whether this entity is encrypted, in one of the same three ways."""
    if part.content_type in _PKCS7:
        named = part.params.get("smime-type", "").lower() in ("enveloped-data", "authenveloped-data")
        return named or _cms_is(part, _CMS_ENVELOPED, _CMS_AUTH_ENVELOPED)
    return part.content_type == "multipart/encrypted" or _has_armour(part, _PGP_ENCRYPTED)


def _is_seal(part: Part) -> bool:
    return part.content_type in _PKCS7 or is_signed(part) or is_encrypted(part)


def _cms_is(part: Part, *identifiers: bytes) -> bool:
    start = part.content(_CMS_START)
    return any(identifier in start for identifier in identifiers)


def _has_armour(part: Part, armour: re.Pattern[bytes]) -> bool:
    return part.content_type == "text/plain" and armour.search(part.content(_PGP_LIMIT)) is not None


class Structure:
    """The tree of a message's parts."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._numbers = {part: number for number, part in enumerate(parts)}
        self._parents: dict[Part, Part] = {}
        self._children: dict[Part, list[Part]] = {}
        above: list[Part] = []
        for part in parts:
            del above[part.depth :]
            if above:
                self._parents[part] = above[-1]
                self._children.setdefault(above[-1], []).append(part)
            above.append(part)

    def __contains__(self, part: object) -> bool:
        return part in self._numbers

    def number(self, part: Part) -> int:
        """Where the part stands among all; 0 is the message itself."""
        return self._numbers[part]

    def parent(self, part: Part) -> Part | None:
        """What the part stands in; None for the message itself."""
        return self._parents.get(part)

    def children(self, part: Part) -> Sequence[Part]:
        """What stands in the part, in order."""
        return self._children.get(part, ())

    def boundaries(self, part: Part) -> Iterator[bytes]:
        """The boundaries in force where the part stands."""
        outer = self.parent(part)
        while outer is not None:
            if outer.content_header.boundary:
                yield outer.content_header.boundary
            outer = self.parent(outer)

    def is_sealed(self, part: Part) -> bool:
        """Whether changing the part breaks a signature or an encryption."""
        above: Part | None = part
        while above is not None and not _is_seal(above):
            above = self.parent(above)
        return above is not None

    def holds_seal(self, part: Part) -> bool:
        """Whether the part is sealed, or what a reader sees of it is."""
        return self.is_sealed(part) or any(self.holds_seal(each) for each in self._shown_in(part))

    def texts(self, part: Part) -> Iterator[Part]:
        """The parts that a reader sees as the text of this one: one plain, one in HTML, or several to choose from."""
        if part.is_multipart:
            for each in self._shown_in(part):
                yield from self.texts(each)
        elif part.content_type in ("text/plain", "text/html") and not part.is_attachment:
            yield part

    def _shown_in(self, part: Part) -> Sequence[Part]:
        """Which of its parts show the text. A report is read by programs, and a digest has no text of its own."""
        children = self.children(part)
        if part.content_type == "multipart/alternative":
            return children
        if part.content_type in ("multipart/report", "multipart/digest") or not part.is_multipart:
            return ()
        if part.content_type == "multipart/related":
            root = part.params.get("start", "").strip("<> \t")
            return [each for each in children if root and each.content_id == root][:1] or children[:1]
        return children[:1]
