"""Mutations of the corpus: mail as it might have been mangled, the same ones in each run.

Law: a mutation is made from its number alone. Between them they damage every kind of syntax that is read: ends of
lines, boundaries, encoded words, parameters, encodings, charsets, addresses; and they cut, repeat and mix mails.
"""

import random
from collections.abc import Callable, Sequence

COUNT = 2_200

WORDS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b"\xff", b"=?utf-8?q?", b"?=", b"=?x?b?=?=", b"\"", b"\\", b"(", b")",
    b"<", b">", b",", b";", b":", b"=", b"--", b"*0*=", b"'", b"%", b"\r\n ", b"\t", b"From ", b"charset=utf-16",
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Transfer-Encoding: base64\r\n", b"--b\r\n",
    b"--b--\r\n", b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: text/html; charset=iso-2022-jp\r\n", b"<!--",
    b"</body>", b"Content-Transfer-Encoding: quoted-printable\r\n", b"charset=utf-7",
    b"Content-Disposition: attachment; filename=a.exe\r\n", b"charset=idna", b"format=flowed",
    b"smime-type=signed-data", b"-----BEGIN PGP MESSAGE-----",
)  # fmt: skip

Maker = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _cut(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _range(chance, mail)
    return mail[:start] + mail[end:]


def _end_early(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    return mail[: chance.randrange(len(mail) + 1)]


def _repeat(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _range(chance, mail)
    return mail[:end] + mail[start:end] * chance.choice((1, 2, 50)) + mail[end:]


def _scatter(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    for _ in range(chance.choice((1, 5, 50))):
        at = chance.randrange(len(mail) + 1)
        mail = mail[:at] + chance.choice(WORDS) * chance.choice((1, 1, 100)) + mail[at:]
    return mail


def _flip(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    octets = bytearray(mail)
    for _ in range(min(len(octets), chance.choice((1, 20, 300)))):
        octets[chance.randrange(len(octets))] = chance.randrange(256)
    return bytes(octets)


def _shuffle_lines(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    lines = mail.splitlines(keepends=True)
    for _ in range(min(len(lines), 10)):
        one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _mix(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _range(chance, mail)
    other = chance.choice(others)
    first, last = _range(chance, other)
    return mail[:start] + other[first:last] + mail[end:]


def _put_within(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    inner = b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + chance.choice(others) + b"\r\n"
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + inner + b"--b\r\n" + mail + b"\r\n--b--\r\n"


def _other_line_ends(chance: random.Random, mail: bytes, others: Sequence[bytes]) -> bytes:
    return mail.replace(b"\r\n", b"\n").replace(b"\n", chance.choice((b"\r\r\n", b"\r", b"\n\r", b"\n\n")))


_MAKERS: Sequence[Maker] = (
    _cut, _end_early, _repeat, _scatter, _scatter, _flip, _shuffle_lines, _mix, _mix, _put_within, _other_line_ends,
)  # fmt: skip


def _range(chance: random.Random, mail: bytes) -> tuple[int, int]:
    start = chance.randrange(len(mail) + 1)
    return start, min(len(mail), start + chance.choice((1, 20, 400, 5_000)))


def mutation(number: int, mails: Sequence[bytes]) -> bytes:
    """The mutation of this number, of at most a megabyte."""
    chance = random.Random(number)
    mail = mails[number % len(mails)]
    for _ in range(chance.choice((1, 1, 2, 5))):
        mail = chance.choice(_MAKERS)(chance, mail, mails)
    return mail[:1_000_000]
