"""Places and choices: what is read, and what does not fit together."""

from dataclasses import replace

import pytest

from lamsonproxy.postfix.choices import Choices, contradictions
from lamsonproxy.postfix.place import Place


@pytest.mark.parametrize(
    ("text", "smtp", "lmtp"),
    [
        ("127.0.0.1:10025", "[127.0.0.1]:10025", "inet:127.0.0.1:10025"),
        ("[127.0.0.1]:10025", "[127.0.0.1]:10025", "inet:127.0.0.1:10025"),
        ("inet:127.0.0.1:10025", "[127.0.0.1]:10025", "inet:127.0.0.1:10025"),
        ("[::1]:10025", "[::1]:10025", "inet:[::1]:10025"),
        ("lamson:10025", "[lamson]:10025", "inet:lamson:10025"),
    ],
)
def test_a_place_is_read_and_written_as_postfix_does(text: str, smtp: str, lmtp: str) -> None:
    place = Place.parse(text)
    assert (place.smtp_nexthop, place.lmtp_nexthop) == (smtp, lmtp)
    assert Place.parse(str(place)) == place


def test_a_unix_socket_is_a_place_for_lmtp() -> None:
    assert Place.parse("unix:/run/lamson/lmtp").lmtp_nexthop == "unix:/run/lamson/lmtp"


@pytest.mark.parametrize(
    "text", ["", "10025", "127.0.0.1", "127.0.0.1:70000", "unix:run/lamson", "::1:10025", "a b:1"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be host:port"):
        Place.parse(text)


FITS = Choices()


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (replace(FITS, door="transport"), "name them with --domains"),
        (replace(FITS, domains=("a.test",)), "--domains is for --door transport"),
        (replace(FITS, door="transport", domains=("a b",)), "no domain name"),
        (replace(FITS, door="transport", domains=("a} x",)), "no domain name"),
        (replace(FITS, listen=Place(path="/run/x")), "cannot use a unix socket"),
        (replace(FITS, reentry=Place(path="/run/x")), "it needs host:port"),
        (replace(FITS, listen=Place("localhost", 10026)), "round in a loop"),
        (replace(FITS, door="proxy", services=("pickup",)), "no SMTP client"),
        (replace(FITS, door="proxy", dkim="before"), "nothing is signed there"),
    ],
)
def test_what_does_not_fit_together_is_told_in_a_sentence(choices: Choices, says: str) -> None:
    (sentence,) = contradictions(choices)
    assert says in sentence


def test_what_fits_together_needs_no_sentence() -> None:
    assert not list(contradictions(FITS))
    assert not list(contradictions(replace(FITS, door="lmtp", listen=Place(path="/run/lamson/lmtp"))))
