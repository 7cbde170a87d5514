"""Whether connecting to one place reaches what listens at another."""

import socket

import pytest

from lamsonproxy.config import HostPort, UnixSocket
from lamsonproxy.config.places import Place, place
from lamsonproxy.config.reach import is_reached


@pytest.mark.parametrize(
    ("listening", "other"),
    [
        ("127.0.0.1:25", "127.0.0.1:25"),
        ("127.0.0.1:25", "localhost:25"),
        ("localhost:25", "127.0.0.1:25"),
        ("0.0.0.0:25", "127.0.0.9:25"),
        ("[::]:25", "127.0.0.1:25"),
        ("[::]:25", "[::1]:25"),
        ("[::1]:25", "[0:0:0:0:0:0:0:1]:25"),
        ("0.0.0.0:25", f"{socket.gethostname()}:25"),
        ("unix:/run/a", "unix:/run/a"),
    ],
)
def test_who_connects_there_meets_who_listens_here(listening: str, other: str) -> None:
    assert is_reached(place(listening), place(other))


@pytest.mark.parametrize(
    ("listening", "other"),
    [
        ("127.0.0.1:25", "127.0.0.1:26"),
        ("127.0.0.1:25", "127.0.0.2:25"),
        ("127.0.0.1:25", "nowhere.invalid:25"),
        ("127.0.0.1:25", f"{'x' * 64}.invalid:25"),
        ("0.0.0.0:25", "192.0.2.1:25"),
        ("0.0.0.0:25", "[::1]:25"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("unix:/run/a", "unix:/run/b"),
        ("unix:/run/a", "127.0.0.1:25"),
    ],
)
def test_and_who_connects_there_does_not(listening: str, other: str) -> None:
    assert not is_reached(place(listening), place(other))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("127.0.0.1:25", HostPort("127.0.0.1", 25)),
        ("[::1]:25", HostPort("::1", 25)),
        ("unix:/run/lamson/door", UnixSocket("/run/lamson/door")),
        ("unix:/" + "x" * 106, UnixSocket("/" + "x" * 106)),
    ],
)
def test_a_place_is_read_and_written_again(text: str, value: Place) -> None:
    assert place(text) == value and str(value) == text


@pytest.mark.parametrize(
    "text",
    ["", "unix:", "unix:run", "unix:/a\nb", "unix:/" + "x" * 107, "/run/a", "127.0.0.1", "a:99999", 7, None],
)
def test_what_is_no_place_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        place(text)
