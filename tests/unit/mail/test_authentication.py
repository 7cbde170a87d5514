"""What our own border found out, and what others only say that it did."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.authentication import Result, results_of
from lamsonproxy.mail.message import Message

BORDER = "mx.example.org"


def message(*lines: str) -> Message:
    return Message("".join(f"{line}\r\n" for line in lines).encode("utf-8", "surrogateescape") + b"\r\n")


def found(*lines: str, name: str = BORDER, hops: int = 1) -> list[str]:
    return [f"{r.method}={r.value}" for r in results_of(message(*lines), name, hops=hops)]


def one(value: str) -> Result:
    (result,) = results_of(message(f"Authentication-Results: {BORDER}; {value}"), BORDER)
    return result


def test_a_result_has_a_method_a_value_and_properties() -> None:
    assert one("dkim=pass header.d=example.com header.s=sel1") == Result(
        "dkim", "pass", {"header.d": "example.com", "header.s": "sel1"}
    )


@pytest.mark.parametrize(
    "value",
    [
        "dkim=pass header.d=example.com",
        "DKIM=PASS Header.D=example.com",
        "dkim/1=pass header.d=example.com",
        "dkim / 1 = pass header . d = example.com",
        "dkim=\r\n\tpass\r\n\theader.d=example.com",
        'dkim=pass header.d="example.com"',
        'dkim="pass" header.d=example.com',
        "dkim=pass (2048-bit key; (really) unprotected) header.d=example.com",
        "(a) dkim (b) = (c) pass (d) header (e) . (f) d (g) = (h) example.com (i)",
        r"dkim=pass (a \) dkim=fail; dmarc=fail) header.d=example.com",
        'dkim=pass (5" of rain) header.d=example.com',
        "dkim=pass header.d=example.com header.d=example.net",
        "dkim=pass header.d=example.com;",
        "; dkim=pass header.d=example.com",
    ],
)
def test_one_result_has_many_spellings(value: str) -> None:
    result = one(value)
    assert (result.method, result.value, result.properties["header.d"]) == ("dkim", "pass", "example.com")


def test_values_keep_their_own_spelling() -> None:
    written = one(
        'spf=pass smtp.mailfrom="Two; Words"@Example.com smtp.helo=mx reason="a \\"b\\"" header.b=aBc= x.y=""'
    )
    assert written.properties == {
        "smtp.mailfrom": "Two; Words@Example.com",
        "smtp.helo": "mx",
        "reason": 'a "b"',
        "header.b": "aBc=",
        "x.y": "",
    }


def test_an_empty_value_takes_no_other_words_in() -> None:
    assert one('spf=pass smtp.mailfrom="" smtp.helo=mx').properties == {
        "smtp.mailfrom": "",
        "smtp.helo": "mx",
    }


def test_several_results_of_one_field_all_count() -> None:
    head = f"Authentication-Results: {BORDER}; dkim=fail header.d=a.example; dkim=pass header.d=b.example; spf=none"
    assert found(head) == ["dkim=fail", "dkim=pass", "spf=none"]


@pytest.mark.parametrize(
    "value", [BORDER, f"{BORDER}; none", f"{BORDER} 1; none", "", ";", "; ;", f'"{BORDER}"; none']
)
def test_a_field_without_results_has_none(value: str) -> None:
    assert found(f"Authentication-Results: {value}") == []


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("mx.example.org", "mx.example.org"),
        ("MX.Example.ORG", "mx.example.org"),
        ("mx.example.org 1", "mx.example.org"),
        ('"mx.example.org"', "mx.example.org"),
        ("(ours) mx.example.org", "mx.example.org."),
        ("mx.bücher.example", "mx.xn--bcher-kva.example"),
        ("mx.xn--bcher-kva.example", "MX.Bücher.example"),
    ],
)
def test_the_border_is_known_by_its_name(written: str, asked: str) -> None:
    assert found(f"Authentication-Results: {written}; spf=pass", name=asked) == ["spf=pass"]


@pytest.mark.parametrize(
    "name", ["mx.example.net", "mx.example.org.example.net", "example.org", "xmx.example.org", "1"]
)
def test_what_other_hosts_found_does_not_count(name: str) -> None:
    assert found(f"Authentication-Results: {name}; spf=pass") == []


def test_without_a_name_nobody_is_believed() -> None:
    assert found("Authentication-Results: ; spf=pass", name="") == []


OURS, OLDER = "Received: from x by mx.example.org", "Received: from y by x"
PASSED, FAILED = (f"Authentication-Results: {BORDER}; dmarc={value}" for value in ("pass", "fail"))


@pytest.mark.parametrize(
    ("hops", "lines", "results"),
    [
        (1, (PASSED, OURS, OLDER), ["dmarc=pass"]),
        (1, (OURS, PASSED, OLDER), ["dmarc=pass"]),
        (1, (OURS, OLDER, PASSED), []),
        (1, (OURS, "Subject: x", PASSED), ["dmarc=pass"]),
        (0, (PASSED, OURS), ["dmarc=pass"]),
        (0, (OURS, PASSED), []),
        (2, (OURS, OURS, PASSED, OLDER), ["dmarc=pass"]),
        (2, (OURS, OURS, OLDER, PASSED), []),
    ],
)
def test_what_stands_below_the_line_of_the_host_before_us_is_a_forgery(
    hops: int, lines: tuple[str, ...], results: list[str]
) -> None:
    assert found(*lines, hops=hops) == results


def test_a_forgery_does_not_contradict_what_our_border_put_above_it() -> None:
    assert found(OURS, FAILED, PASSED) == ["dmarc=fail"]
    assert found(FAILED, OURS, PASSED) == ["dmarc=fail"]
    assert found(OURS, f"Authentication-Results: {BORDER}; spf=pass", PASSED) == ["spf=pass", "dmarc=pass"]


@pytest.mark.parametrize(
    "value",
    [
        'spf=pass smtp.mailfrom="; dmarc=pass"@evil.example',
        'spf=pass (sender a"b; dmarc=pass) smtp.mailfrom=x',
        'spf=pass reason="; dmarc=pass ',
        "spf=pass ((; dmarc=pass",
        r"spf=pass \; dmarc=pass",
    ],
)
def test_what_a_stranger_got_into_our_borders_field_is_no_result(value: str) -> None:
    assert one(value).method == "spf"


BOMBS = [
    *("(" * 100_000, ")" * 100_000, '"' * 99_999, "\\" * 100_000, "=" * 100_000, ";" * 100_000),
    *("a" * 100_000, "a." * 50_000, "a . " * 25_000, "a=" * 50_000, "a= " * 33_000, ";a=b" * 25_000),
    *('a="' + "\\" * 99_000, "()" * 50_000, " \t" * 50_000, "/ " * 50_000, "ö" * 50_000),
]


@pytest.mark.fault("C2")
@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_no_field_takes_long_to_read(bomb: str) -> None:
    began = time.thread_time()
    results_of(message(f"Authentication-Results: {BORDER}; {bomb}"), BORDER)
    # It takes a quarter of a second. What is not linear takes minutes, and no machine is so busy.
    assert time.thread_time() - began < 20


@given(st.binary(max_size=300))
def test_whatever_stands_there_is_read(value: bytes) -> None:
    results_of(Message(b"Authentication-Results: mx.example.org;" + value), BORDER)
    results_of(Message(b"Authentication-Results:" + value), BORDER)


PIECES = st.sampled_from(
    [
        "spf",
        "dkim",
        "pass",
        "header",
        "d",
        "=",
        ".",
        "/",
        ";",
        " ",
        "\r\n ",
        "(",
        ")",
        '"',
        "\\",
        "mx.example.org",
        "1",
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_what_almost_is_a_result_is_read(value: str) -> None:
    for result in results_of(message(f"Authentication-Results: {BORDER}; {value}"), BORDER):
        assert result.method == result.method.lower()
