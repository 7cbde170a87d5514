import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import Params, Xforward


@pytest.mark.parametrize(
    ("params", "wants"),
    [
        ((), True),
        (("NOTIFY=NEVER",), False),
        (("notify=success,failure",), True),
        (("NOTIFY=SUCCESS",), False),
        (("ORCPT=rfc822;a@b",), True),
    ],
)
def test_a_recipient_says_whether_a_failure_may_be_reported(params: tuple[str, ...], wants: bool) -> None:
    assert Recipient(Address("a@example.com"), Params(params)).wants_failure_notice is wants


_octets = st.binary(max_size=20).map(lambda octets: octets.decode("utf-8", "surrogateescape"))
_params = st.lists(_octets, max_size=3).map(lambda words: Params(tuple(words)))


@given(
    _octets, st.lists(st.tuples(_octets, _params), max_size=3), _params, st.lists(st.tuples(_octets, _octets))
)
def test_an_envelope_survives_being_written(
    sender: str, recipients: list[tuple[str, Params]], params: Params, xforward: list[tuple[str, str]]
) -> None:
    envelope = Envelope(
        Address(sender),
        tuple(Recipient(Address(raw), own) for raw, own in recipients),
        params,
        Xforward(tuple(xforward)),
    )
    text = envelope.to_json()
    assert text.isascii() and "\n" not in text
    assert Envelope.from_json(text) == envelope


def test_an_envelope_without_recipients_can_be_written() -> None:
    assert Envelope.from_json(Envelope(NULL_SENDER, ()).to_json()) == Envelope(NULL_SENDER, ())


@pytest.mark.parametrize(
    "text", ["", "5", "[]", "{}", '{"sender": ""}', '{"sender": "", "recipients": 5, "params": []}']
)
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Envelope.from_json(text)
