"""Odd mails: nothing that SMTP forbids, everything that programs forget.

Law: each is made when called, is canonical (CRLF at every line end but where the bare LF is the point), and must
pass through unchanged.
"""

from collections.abc import Callable

HEAD = b"From: alice@example.com\r\nTo: bob@example.org\r\nSubject: odd\r\nMessage-ID: <odd@example.com>\r\n"
MIB = 1024 * 1024


def _with_body(body: bytes, more: bytes = b"") -> bytes:
    return HEAD + more + b"\r\n" + body


def eight_bit() -> bytes:
    return _with_body(bytes(o for o in range(1, 256) if o not in b"\r\n") + b"\r\n")


def eight_bit_headers() -> bytes:
    return HEAD + b"X-Latin: \xe4\xf6\xfc\r\nX-Utf8: \xc3\xa4\r\nX-Neither: \xff\xfe\r\n\r\ntext\r\n"


def nul() -> bytes:
    return _with_body(b"a\0b\r\n\0\r\n\0\0\0\r\n")


def long_lines() -> bytes:
    return _with_body((b"x" * 100_000 + b"\r\n") * 3)


def long_header_line() -> bytes:
    return HEAD + b"X-Long: " + b"y" * 100_000 + b"\r\n\r\ntext\r\n"


def no_final_newline() -> bytes:
    return _with_body(b"the last line has no end")


def no_headers() -> bytes:
    return b"\r\nonly a body\r\n"


def no_body() -> bytes:
    return HEAD


def no_body_but_an_empty_line() -> bytes:
    return HEAD + b"\r\n"


def nothing() -> bytes:
    return b""


def no_empty_line() -> bytes:
    return HEAD + b"this line is no header\r\nand this is the body\r\n"


def only_dots() -> bytes:
    return _with_body(b".\r\n..\r\n...\r\n.\r\n" * 50)


def dots_at_line_starts() -> bytes:
    return _with_body(b".leading\r\n..two\r\nmiddle.\r\n.\r\n")


def lone_cr() -> bytes:
    return _with_body(b"a\rb\r\n\r\r\nc\r\r\r\n\r\rd\r\n")


def bare_lf() -> bytes:
    return _with_body(b"a\nb\n\nc\n.\nd\r\n")


def ten_thousand_headers() -> bytes:
    return HEAD + b"".join(b"X-N-%d: %d\r\n" % (n, n) for n in range(10_000)) + b"\r\ntext\r\n"


def many_received() -> bytes:
    # Under Postfix's hopcount_limit of 50, with the hops of a test on top.
    return b"Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n" * 40 + HEAD + b"\r\ntext\r\n"


def five_thousand_levels() -> bytes:
    lines = [b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(5_000)]
    return HEAD + b"MIME-Version: 1.0\r\n" + b"".join(lines) + b"\r\ntext\r\n"


def forty_kilobytes_of_semicolons() -> bytes:
    return _with_body(b"text\r\n", b"Content-Type: text/plain" + b";" * 40_000 + b"\r\n")


def hundred_thousand_empty_parts() -> bytes:
    return _with_body(b"--b\r\n" * 100_000 + b"--b--\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n")


def odd_spacing() -> bytes:
    return (
        HEAD
        + b"X-Before : blank\r\nX-Tab:\tt\r\nX-None:n\r\nX-Fold:\r\n \r\n\t a\r\nX-Empty:\r\n\r\ntext\r\n"
    )


def trailing_blanks() -> bytes:
    return _with_body(b"a  \r\n\t\r\n   \r\nb\t\r\n")


def end_of_file_characters() -> bytes:
    return _with_body(b"\x1a\r\n\x04\r\n\x1b[2J\r\n")


def byte_order_mark() -> bytes:
    return b"\xef\xbb\xbf" + _with_body(b"text\r\n")


def empty_lines_of_25_mib() -> bytes:
    return _with_body(b"\r\n" * (25 * MIB // 2))


def text_of_25_mib() -> bytes:
    line = b"The quick brown fox jumps over the lazy dog; that is all there is to say.\r\n"
    return _with_body(line * (25 * MIB // len(line)))


ODD: dict[str, Callable[[], bytes]] = {
    make.__name__.replace("_", " "): make
    for make in (
        eight_bit,
        eight_bit_headers,
        nul,
        long_lines,
        long_header_line,
        no_final_newline,
        no_headers,
        no_body,
        no_body_but_an_empty_line,
        nothing,
        no_empty_line,
        only_dots,
        dots_at_line_starts,
        lone_cr,
        bare_lf,
        ten_thousand_headers,
        many_received,
        five_thousand_levels,
        forty_kilobytes_of_semicolons,
        hundred_thousand_empty_parts,
        odd_spacing,
        trailing_blanks,
        end_of_file_characters,
        byte_order_mark,
        empty_lines_of_25_mib,
        text_of_25_mib,
    )
}
