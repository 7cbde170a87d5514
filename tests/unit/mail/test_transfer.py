import binascii
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.transfer import _BASE64_BLOCK, encode_octets, encode_text


@pytest.mark.parametrize(
    ("text", "encoding", "body"),
    [
        (b"", "7bit", b""),
        (b"plain\r\n", "7bit", b"plain\r\n"),
        (b"x" * 998, "7bit", b"x" * 998),
        (b"x" * 100 + b"\xc3\xbc", "quoted-printable", b"x" * 75 + b"=\r\n" + b"x" * 25 + b"=C3=BC"),
        (b"From me\r\n", "quoted-printable", b"=46rom me\r\n"),
        (b"a \r\nb\t\xc3\xbc\t", "quoted-printable", b"a=20\r\nb\t=C3=BC=09"),
        (
            b"x" * 74 + b"\xc3\xbc" + b"y" * 80,
            "quoted-printable",
            b"x" * 74 + b"=\r\n=C3=BC" + b"y" * 69 + b"=\r\n" + b"y" * 11,
        ),
        ("Привет\r\n".encode(), "base64", b"0J/RgNC40LLQtdGCDQo="),
    ],
)
def test_the_encoding_suits_the_text(text: bytes, encoding: str, body: bytes) -> None:
    assert encode_text(text) == (encoding, body)


READERS: dict[str, Callable[[bytes], bytes]] = {
    "7bit": bytes,
    "quoted-printable": binascii.a2b_qp,
    "base64": binascii.a2b_base64,
}

_LINES = st.lists(st.binary(max_size=200) | st.text(st.sampled_from("a =\tF."), max_size=200).map(str.encode))


@given(_LINES.map(lambda lines: b"\r\n".join(line.replace(b"\r", b"").replace(b"\n", b"") for line in lines)))
def test_text_reads_back_and_its_lines_are_short(text: bytes) -> None:
    encoding, body = encode_text(text)
    assert body.isascii()
    assert READERS[encoding](body) == text
    assert all(len(line) <= (998 if encoding == "7bit" else 76) for line in body.split(b"\r\n"))
    assert (
        encoding == "base64"
        or not any(line.startswith(b"From ") for line in text.split(b"\r\n"))
        or body != text
    )


@given(st.binary(max_size=500))
def test_octets_read_back_and_their_lines_are_short(octets: bytes) -> None:
    _read_back(octets)


@pytest.mark.parametrize("size", [_BASE64_BLOCK - 1, _BASE64_BLOCK, _BASE64_BLOCK + 1, 3 * _BASE64_BLOCK + 7])
def test_a_file_of_several_blocks_reads_back(size: int) -> None:
    _read_back(bytes(range(251)) * (size // 251) + bytes(size % 251))


def _read_back(octets: bytes) -> None:
    encoding, body = encode_octets(octets)
    assert (encoding, binascii.a2b_base64(body)) == ("base64", octets)
    assert all(len(line) == 76 for line in body.split(b"\r\n")[:-1])
