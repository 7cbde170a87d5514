"""The pictures of a template folder, and the HTML that shows them by `cid:`.

Law: only files that lay in the folder at start are ever sent, and only those that the HTML shows. A picture's id is
made from its content, so it is unique in the world (RFC 2045 §7) and the same for the same picture.

RFC 2392 (cid).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lamsonproxy.mail.rendered import Image
from lamsonproxy.views.sources import files_of

SIZE_LIMIT = 1024 * 1024
"""Octets of a picture: it goes with every mail."""

_TYPES = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}

# Quotation marks in a value are escaped before this looks, so a value shows no picture. A name with a brace in it is
# computed.
_SHOWN = re.compile(r"""(?<=["'])cid:([^"'<>&{}\r\n]+)(?=["'])""", re.IGNORECASE)
_IN_MARKDOWN = re.compile(r"\]\(cid:([^()<>{}\s]+)", re.IGNORECASE)
_BARE = re.compile(r"""(?:=|url\()\s*cid:([^"'<>(){}\s]+)""", re.IGNORECASE)


def read_pictures(folder: Path, mistakes: list[str]) -> dict[str, Image]:
    """All pictures by their path from the folder; what cannot be used becomes a sentence in `mistakes`."""
    pictures = {}
    for name, path in files_of(folder, _TYPES):
        try:
            content = path.read_bytes()
        except OSError as error:
            mistakes.append(f"{name}: {error.strerror}.")
            continue
        if len(content) > SIZE_LIMIT:
            mistakes.append(f"{name}: a picture that goes with a mail has at most {SIZE_LIMIT} octets.")
        pictures[name] = _image(path.suffix.lower(), content)
    return pictures


def _image(suffix: str, content: bytes) -> Image:
    digest = hashlib.sha256(content).hexdigest()
    return Image(f"{digest[:32]}{suffix}@cid.lamsonproxy", _TYPES[suffix], content)


def with_pictures(html: str, pictures: Mapping[str, Image]) -> tuple[str, tuple[Image, ...]]:
    """The HTML with the ids of its pictures, and those pictures. What is no name of a picture stays as it is."""
    shown: dict[str, Image] = {}

    def content_id(match: re.Match[str]) -> str:
        image = pictures.get(match[1])
        if image is None:
            return match[0]
        shown[image.content_id] = image
        return f"cid:{image.content_id}"

    return _SHOWN.sub(content_id, html), tuple(shown.values())


def wrong_pictures(source: str, pictures: Mapping[str, Image]) -> Iterator[tuple[int, str]]:
    """The line, and what is wrong there, of each picture that a template means to show and that nobody would see."""
    for number, line in enumerate(source.split("\n"), 1):
        for name in (*_SHOWN.findall(line), *_IN_MARKDOWN.findall(line)):
            if name not in pictures:
                yield number, f"there is no picture {name!r}"
        yield from (
            (number, f'a picture stands in quotation marks: "cid:{name}"') for name in _BARE.findall(line)
        )
