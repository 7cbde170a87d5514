"""Bombs: small mails that cost a careless reader much. Each is about 1 MB at most, but for those that say so.

Law: a bomb is made when called, by a function whose name says what it is. Reading all of it costs at most a second
of CPU and 64 MiB (tests/corpus/test_bombs.py), and passing it through costs what any mail of its size does.
"""

import base64
import zlib
from collections.abc import Callable

HEAD = b"From: a@example.com\r\nTo: b@example.org\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n"
MB = 1_000_000

BOMBS: dict[str, Callable[[], bytes]] = {}


def _bomb(make: Callable[[], bytes]) -> Callable[[], bytes]:
    BOMBS[make.__name__.replace("_", " ")] = make
    return make


def _mail(fields: bytes, body: bytes = b"text\r\n") -> bytes:
    return HEAD + fields + b"\r\n" + body


def _typed(content_type: bytes, body: bytes = b"text\r\n") -> bytes:
    return _mail(b"Content-Type: " + content_type + b"\r\n", body)


def _mixed(body: bytes, boundary: bytes = b"b") -> bytes:
    return _typed(b"multipart/mixed; boundary=" + boundary, body)


# Nesting


def _nested(levels: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels)
    )


@_bomb
def multipart_nested_300_levels() -> bytes:
    return HEAD + _nested(300) + b"\r\ntext\r\n"


@_bomb
def multipart_nested_5000_levels() -> bytes:
    return HEAD + _nested(5_000) + b"\r\ntext\r\n"


@_bomb
def multipart_nested_5000_levels_and_ended() -> bytes:
    return HEAD + _nested(5_000) + b"\r\ntext" + b"".join(b"\r\n--b%d--" % n for n in range(4_999, -1, -1))


@_bomb
def multipart_nested_with_one_boundary() -> bytes:
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 5_000 + b"\r\ntext\r\n"


@_bomb
def boundaries_that_begin_alike() -> bytes:
    levels = (b"Content-Type: multipart/mixed; boundary=" + b"b" * n for n in range(1, 101))
    head = b"".join(level + b"\r\n\r\n--" + b"b" * n + b"\r\n" for n, level in enumerate(levels, 1))
    return HEAD + head + b"\r\n" + b"--bb\r\n" * 100_000


@_bomb
def messages_nested_300_levels() -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 300 + b"\r\ntext\r\n"


@_bomb
def messages_nested_5000_levels() -> bytes:
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 5_000 + b"\r\ntext\r\n"


@_bomb
def messages_and_multiparts_in_turn() -> bytes:
    level = b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    return HEAD + level * 5_000 + b"\r\ntext\r\n"


@_bomb
def digests_of_empty_messages() -> bytes:
    return _typed(b"multipart/digest; boundary=b", b"--b\r\n\r\n" * 100_000)


# Many parts


@_bomb
def empty_parts_100000() -> bytes:
    return _mixed(b"--b\r\n" * 100_000 + b"--b--\r\n")


@_bomb
def parts_with_heads_20000() -> bytes:
    part = b"--b\r\nContent-Type: text/plain; name=n\r\n\r\nx\r\n"
    return _mixed(part * 20_000)


@_bomb
def parts_in_encodings_nobody_knows() -> bytes:
    part = b"--b\r\nContent-Transfer-Encoding: x-%d\r\nContent-Type: text/plain; charset=x-%d\r\n\r\nx\r\n"
    return _mixed(b"".join(part % (n, n) for n in range(9_000)))


@_bomb
def ended_100000_times() -> bytes:
    return _mixed(b"--b--\r\n" * 100_000)


@_bomb
def lines_of_dashes() -> bytes:
    return _mixed(b"--\r\n" * 250_000)


@_bomb
def boundary_that_looks_like_a_header() -> bytes:
    return _mixed(b"--a:b\r\n" * 120_000, b'"a:b"')


@_bomb
def heads_that_go_on_behind_the_boundary() -> bytes:
    return _mixed(b"--b\r\nX: y\r\n" * 90_000)


# Boundaries


@_bomb
def boundary_of_2000_octets() -> bytes:
    boundary = b"=" * 2_000
    return _mixed((b"--" + boundary + b"\r\n\r\nx\r\n") * 450, boundary)


@_bomb
def boundary_of_100000_octets() -> bytes:
    boundary = b"b" * 100_000
    return _mixed((b"--" + boundary + b"\r\n\r\nx\r\n") * 8, boundary)


@_bomb
def boundary_almost_met() -> bytes:
    return _mixed((b"--" + b"b" * 1_999 + b"c\r\n") * 480, b"b" * 2_000)


@_bomb
def boundary_that_is_empty() -> bytes:
    return _mixed(b"--\r\n" * 100_000, b'""')


@_bomb
def boundary_behind_blanks() -> bytes:
    return _mixed((b"--b" + b" " * 1_000 + b"\r\n") * 950)


# Headers


@_bomb
def headers_100000() -> bytes:
    return _mail(b"X: y\r\n" * 100_000)


@_bomb
def folds_100000() -> bytes:
    return _mail(b"Subject: a\r\n" + b" b\r\n" * 100_000)


@_bomb
def folds_of_nothing_but_blanks() -> bytes:
    return _mail(b"Subject: a\r\n" + b" \r\n" * 250_000)


@_bomb
def received_18000() -> bytes:
    return b"Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n" * 18_000 + _mail(b"")


@_bomb
def one_header_of_1_mb() -> bytes:
    return _mail(b"Subject: " + b"x" * MB + b"\r\n")


@_bomb
def name_of_1_mb() -> bytes:
    return b"X" * MB + b": y\r\n" + _mail(b"")


@_bomb
def name_of_1_mb_without_a_colon() -> bytes:
    return HEAD + b"X" * MB + b"\r\n\r\ntext\r\n"


@_bomb
def blanks_before_the_colon() -> bytes:
    return _mail((b"X" + b" " * 1_000 + b":\r\n") * 900)


@_bomb
def blanks_that_lead_to_no_colon() -> bytes:
    return HEAD + b"X" + b" " * MB + b"\r\n\r\ntext\r\n"


@_bomb
def mbox_lines_30000() -> bytes:
    return b">From a@example.com Thu Jan  1\r\n" * 30_000 + _mail(b"")


@_bomb
def quoting_marks_without_an_mbox_line() -> bytes:
    return b">" * MB + b"\r\n" + _mail(b"")


# Header values


@_bomb
def encoded_words_4000() -> bytes:
    return _mail(b"Subject:" + b" =?utf-8?q?=C3=A4?=\r\n" * 4_000)


@_bomb
def encoded_words_40000_in_one_line() -> bytes:
    return _mail(b"Subject: " + b"=?utf-8?b?w6Q=?= " * 40_000 + b"\r\n")


@_bomb
def encoded_words_in_charsets_nobody_knows() -> bytes:
    return _mail(b"Subject:" + b"".join(b" =?x-%d?q?a?=\r\n" % n for n in range(40_000)))


@_bomb
def encoded_words_that_never_end() -> bytes:
    return _mail(b"Subject: " + b"=?utf-8?q?" * 90_000 + b"\r\n")


@_bomb
def encoded_words_half_begun() -> bytes:
    return _mail(b"Subject: " + b"=?" * 450_000 + b"\r\n")


@_bomb
def encoded_word_of_1_mb() -> bytes:
    return _mail(b"Subject: =?utf-8?q?" + b"=41" * 330_000 + b"?=\r\n")


@_bomb
def encoded_word_in_idna() -> bytes:
    return _mail(b"Subject: =?idna?q?" + b"a" * 100_000 + b"?= =?punycode?q?" + b"b" * 100_000 + b"?=\r\n")


@_bomb
def encoded_word_in_a_compression() -> bytes:
    packed = base64.b64encode(zlib.compress(b"\0" * 100 * MB, 9))
    return _mail(b"Subject: =?zlib?b?" + packed + b"?= =?bz2?b?AAAA?=\r\n")


@_bomb
def addresses_2000() -> bytes:
    many = b", ".join(b'"Name %d" <n%d@example.com>' % (n, n) for n in range(2_000))
    return b"From: " + many + b"\r\nTo: " + many + b"\r\n\r\ntext\r\n"


@_bomb
def parentheses() -> bytes:
    return b"From: " + b"(" * 400_000 + b"\r\nSubject: " + b"(" * 400_000 + b"\r\n\r\ntext\r\n"


@_bomb
def quotes_and_backslashes() -> bytes:
    return (
        b"From: " + b'"\\' * 250_000 + b"\r\nContent-Type: text/plain; name=" + b'"\\' * 250_000 + b"\r\n\r\n"
    )


@_bomb
def angle_brackets() -> bytes:
    return b"From: " + b"<" * 400_000 + b"\r\nTo: " + b"<>" * 200_000 + b"\r\n\r\ntext\r\n"


@_bomb
def groups() -> bytes:
    return b"From: " + b"g:" * 400_000 + b"\r\nTo: " + b"g:;," * 20_000 + b"\r\n\r\ntext\r\n"


@_bomb
def at_signs() -> bytes:
    return b"From: " + b"@" * 400_000 + b"\r\nSender: " + b"a@" * 200_000 + b"\r\n\r\ntext\r\n"


# Parameters


@_bomb
def semicolons_40_kb() -> bytes:
    return _typed(b"text/plain" + b";" * 40_000)


@_bomb
def semicolons_100_kb() -> bytes:
    return _typed(b"text/plain" + b";" * 100_000)


@_bomb
def semicolons_and_blanks() -> bytes:
    return _typed(b"text/plain" + b"; " * 100_000)


@_bomb
def semicolons_in_every_part() -> bytes:
    return _mixed((b"--b\r\nContent-Type: text/plain" + b";" * 8_000 + b"\r\n\r\nx\r\n") * 120)


@_bomb
def parameters_10000() -> bytes:
    return _typed(b"text/plain" + b"".join(b"; p%d=v" % n for n in range(10_000)))


@_bomb
def segments_2000() -> bytes:
    segments = b"".join(b";\r\n filename*%d*=%%41" % n for n in range(2_000))
    return _mail(b"Content-Disposition: attachment" + segments + b"\r\n")


@_bomb
def segment_with_a_huge_number() -> bytes:
    return _mail(b"Content-Disposition: attachment; filename*" + b"9" * 100_000 + b"=x\r\n")


@_bomb
def stars() -> bytes:
    return _mail(b"Content-Disposition: attachment; filename" + b"*" * 100_000 + b"=x\r\n")


@_bomb
def quotes_that_never_end() -> bytes:
    return _typed(b'text/plain; a="' + b'x;y="' * 100_000)


# Bodies


def _page(html: bytes) -> bytes:
    return _mail(b"Content-Type: text/html; charset=utf-8\r\n", html)


@_bomb
def html_of_tags() -> bytes:
    return _page(b"<b> a" * 200_000)


@_bomb
def html_of_line_breaks() -> bytes:
    return _page(b"<br>" * 250_000)


@_bomb
def html_of_tags_that_never_end() -> bytes:
    return _page(b"<p <!-- <style " * 66_000)


@_bomb
def html_with_a_huge_reference() -> bytes:
    return _page(b"&#" + b"1" * 1_000_000)


@_bomb
def carriage_returns_of_10_mb() -> bytes:
    return _mail(b"", b"\r" * 10 * MB + b"\r\n")


@_bomb
def carriage_returns_in_the_head() -> bytes:
    return HEAD + b"\r" * MB + b"\r\n\r\ntext\r\n"


@_bomb
def carriage_returns_in_a_value() -> bytes:
    return _mail(b"Subject: a" + b"\r" * MB + b"b\r\n")


@_bomb
def nuls() -> bytes:
    return b"\0" * MB


@_bomb
def nuls_in_values() -> bytes:
    return _mail(b"Subject: " + b"\0" * (MB // 2) + b"\r\n", b"\0" * (MB // 2))


@_bomb
def line_feeds_in_a_multipart() -> bytes:
    return _mixed(b"\n" * MB)


@_bomb
def base64_of_nothing_but_padding() -> bytes:
    return _mail(b"Content-Transfer-Encoding: base64\r\n", b"=" * MB)


@_bomb
def quoted_printable_of_nothing_but_marks() -> bytes:
    return _mail(b"Content-Transfer-Encoding: quoted-printable\r\n", b"=" * MB)


@_bomb
def quoted_printable_of_soft_line_breaks() -> bytes:
    return _mail(b"Content-Transfer-Encoding: quoted-printable\r\n", b"=\r\n" * (MB // 3))


@_bomb
def text_in_utf_7() -> bytes:
    return _typed(b"text/plain; charset=utf-7", b"+2AA-" * (MB // 5))


@_bomb
def text_in_a_charset_that_it_is_not() -> bytes:
    return _typed(b"text/plain; charset=iso-2022-jp", b"\x1b$B\xff\xfe" * (MB // 5))


@_bomb
def zip_of_zeros() -> bytes:
    fields = b"Content-Type: application/zip; name=zeros.zip\r\nContent-Transfer-Encoding: base64\r\n"
    return _mail(fields, base64.encodebytes(zlib.compress(b"\0" * 500 * MB, 9)))


@_bomb
def uuencode_without_end() -> bytes:
    return _mail(b"Content-Transfer-Encoding: x-uuencode\r\n", b"begin 644 x\r\n" + b"M" * 60 * 16_000)
