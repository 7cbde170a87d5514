"""What the application sends is signed, and what cannot be signed leaves as it is."""

import re
import threading
import time
from pathlib import Path

import dkim  # type: ignore[import-untyped] # no types
import pytest
from dkim import canonicalization
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.errors import ConfigError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Outgoing, OutgoingKind
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.message import Message
from lamsonproxy.ports import Signed
from lamsonproxy.scanners.signing import MOST_HEAD_OCTETS, MOST_HEADERS, REMEMBERED, Key, Signer, read_keys
from tests.keys import DNS_RECORD, PRIVATE_KEY

SHORT_KEY = b"""\
-----BEGIN RSA PRIVATE KEY-----
MIIBOgIBAAJBANmzZrXkDPHJUVPTf+1f6wtjrkla6UqMVQ03BwMRlv+dbn24NFvB
Ep7VgMQ6boK+ouDYp3AI/qA9Tprn0Qce0C0CAwEAAQJAUsJin28MhLY1lppmnYTD
Q9cnIHfRDCgBBT8QCVicgJtTEtsZt0bffKHidgH8uhvU+63II/vAvdbSVRl7zGat
eQIhAPTqqAYag579XjsMhdxMKMDZRnoQS9Kca9+IFrDqCEZTAiEA441zecuaENk/
OCe+PjN0vnYa9urD933VAghGulPEv38CICoPjpGVxhrs2lz7tpVxwuHzroXR/KOL
137JCVSSrJ8fAiAQaMTpBYuop2HttL/9UEyc53tuTuOu1z4jFWG0UhIgFQIhAMWo
7VqPEvY5l2OFouEnkeKKNH3M2lc5IGfKSZ5EwLEt
-----END RSA PRIVATE KEY-----
"""
BORDER = "mx.example.net"
OWN = Key("example.org", "own", PRIVATE_KEY)
LISTS = Key("lists.example.net", "lists", PRIVATE_KEY)
SIGNER = Signer([OWN, LISTS], authserv_id=BORDER)
PLAIN = b"From: Cooks <cooks@example.org>\r\nTo: bob@example.com\r\nSubject: Soup\r\n\r\nAt eight.  \r\n"
FOREIGN = b"From: Alice <alice@example.com>\r\nSubject: Soup\r\n\r\nAt eight?\r\n"
PASSED = (
    b"Authentication-Results: mx.example.net; dkim=pass header.d=example.com;"
    b" dmarc=pass header.from=example.com\r\n"
)


def outgoing(content: bytes = PLAIN, kind: OutgoingKind = "reply", sender: str = "") -> Outgoing:
    return Outgoing(Envelope(Address(sender), (Recipient(Address("bob@example.com")),)), content, kind)


def signed(content: bytes = PLAIN, kind: OutgoingKind = "reply", sender: str = "") -> bytes:
    """A mail as it leaves, with all the signatures that it should have."""
    made = SIGNER.signed(outgoing(content, kind, sender))
    assert made.trouble is None
    return made.content


def sent_on(content: bytes) -> bytes:
    return signed(content, "send_on", "cooks-bounces@lists.example.net")


def key(name: bytes, timeout: int = 5) -> bytes:
    return DNS_RECORD


def verifies(raw: bytes) -> bool:
    try:
        return bool(dkim.DKIM(raw).verify(dnsfunc=key))
    except dkim.DKIMException:
        return False


def signer_of(raw: bytes) -> str:
    """The d= of the topmost signature."""
    value = Message(raw).headers.get("DKIM-Signature")
    return value.partition(" d=")[2].partition(";")[0]


def test_a_signature_stands_above_the_mail_and_is_true() -> None:
    raw = signed()
    assert raw.startswith(b"DKIM-Signature: ")
    assert raw.endswith(PLAIN)
    assert verifies(raw)
    assert signer_of(raw) == "example.org"
    assert max(map(len, raw.split(b"\r\n"))) <= 78


def test_it_survives_blanks_that_are_taken_off_on_the_way() -> None:
    assert verifies(signed().replace(b"eight.  \r\n", b"eight.\r\n"))


@pytest.mark.parametrize(
    "act",
    [
        lambda raw: raw + b"More\r\n",
        lambda raw: b"From: eve@example.com\r\n" + raw,
        lambda raw: b"Subject: Salad\r\n" + raw,
        lambda raw: b"To: eve@example.com\r\n" + raw,
        lambda raw: b"Cc: eve@example.com\r\n" + raw,
        lambda raw: b"Reply-To: eve@example.com\r\n" + raw,
        lambda raw: b"Content-Type: text/html\r\n" + raw.replace(b"Soup", b"Salad"),
        lambda raw: raw.replace(b"cooks@", b"eve@"),
    ],
)
def test_it_breaks_where_the_mail_would_say_something_else(act: object) -> None:
    assert callable(act)
    assert not verifies(act(signed()))


def test_what_postfix_may_add_on_the_way_breaks_nothing() -> None:
    assert verifies(b"Date: Mon, 2 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@x>\r\n" + signed())


def test_a_click_that_unsubscribes_is_signed_as_mailbox_providers_want_it() -> None:
    fields = b"List-Unsubscribe: <https://x/y>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    raw = signed(fields + PLAIN)
    assert verifies(raw)
    assert not verifies(raw.replace(b"-Post: List", b"-Post: Other"))


def test_a_large_mail_of_blanks_keeps_nobody_from_running() -> None:
    turns: list[float] = []
    body = b"a  b\t " * (3 << 20)
    waiting = threading.Thread(target=lambda: turns.append(_longest_wait(signing)))
    signing = threading.Thread(target=signed, args=(PLAIN + body,))
    signing.start()
    waiting.start()
    signing.join()
    waiting.join()
    assert turns[0] < 2


def _longest_wait(thread: threading.Thread) -> float:
    longest, last = 0.0, time.monotonic()
    while thread.is_alive():
        thread.join(0.01)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


@pytest.mark.parametrize(
    ("from_", "sender", "domain"),
    [
        (b"a@example.org", "", "example.org"),
        (b"a@deep.sub.example.org", "", "example.org"),
        (b"a@EXAMPLE.org", "", "example.org"),
        (b"a@notexample.org", "", ""),
        (b"a@example.com", "", ""),
        (b"a@example.com", "bounces@lists.example.net", "lists.example.net"),
        (b"a@example.org", "bounces@lists.example.net", "example.org"),
        (b"a@example.net", "", ""),
    ],
)
def test_the_key_is_that_of_the_author_or_of_the_list(from_: bytes, sender: str, domain: str) -> None:
    raw = b"From: " + from_ + b"\r\n\r\n"
    assert signer_of(signed(raw, sender=sender)) == domain


def test_the_key_of_the_nearest_domain_signs_in_whatever_order_they_are() -> None:
    below = Key("sub.example.org", "sub", PRIVATE_KEY)
    mail = outgoing(b"From: a@deep.sub.example.org\r\n\r\n")
    for keys in ([OWN, below], [below, OWN]):
        assert signer_of(Signer(keys).signed(mail).content) == "sub.example.org"


@pytest.mark.parametrize(
    "raw",
    [b"", b"\r\n", b"no head at all", b"Subject: Soup\r\n\r\n", b"From: x\r\n\r\n", b" blank\r\n" + PLAIN],
)
def test_mail_of_nobody_whose_key_we_have_leaves_as_it_is(raw: bytes) -> None:
    assert SIGNER.signed(outgoing(raw)) == Signed(raw)


def test_what_cannot_be_signed_leaves_as_it_is_and_it_is_said_why() -> None:
    raw = b"Subject: Soup\r\n\r\n"
    made = SIGNER.signed(outgoing(raw, "send_on", "cooks-bounces@lists.example.net"))
    assert made.content == raw
    assert str(made.trouble) == "The From header field MUST be signed"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"X: y\r\n" * MOST_HEADERS + PLAIN, "its head has 403 fields, and at most 400 are signed"),
        (b"X: " + b"y\r\n " * (MOST_HEAD_OCTETS // 4) + PLAIN, "its head has more than 1048576 octets"),
        (b"From: a@example.org\r\nsecret words\r\n\r\nSoup\r\n", "its head ends at a line that is no field"),
        (b"From: a@example.org\r\nSecret : words\r\n\r\nSoup\r\n", "its head has a line that is no field"),
    ],
)
def test_a_head_that_is_too_large_or_none_is_not_signed(raw: bytes, why: str) -> None:
    made = SIGNER.signed(outgoing(raw, sender="cooks-bounces@lists.example.net"))
    assert made.content == raw
    assert str(made.trouble) == why


@pytest.mark.fault("C2")
@pytest.mark.parametrize("kind", ["send", "send_on"])
def test_a_megabyte_of_blanks_keeps_nobody_waiting(kind: OutgoingKind) -> None:
    raw = PASSED + FOREIGN + b" \t" * 500_000 + b"x\r\n"
    assert signed(raw, kind, "cooks-bounces@lists.example.net").endswith(raw)


@given(st.text(" \t\r\nx", max_size=40))
def test_blanks_are_signed_as_the_library_counts_them(text: str) -> None:
    body = text.encode()
    lines = re.sub(rb"[\t ]+", b" ", re.sub(rb"[\t ]+\r\n", b"\r\n", body))
    counted = canonicalization.correct_empty_body(canonicalization.strip_trailing_lines(lines))
    assert canonicalization.Relaxed.canonicalize_body(body) == counted


@pytest.mark.parametrize("body", [b" \t x \t\r\n\t\r\n y  z \r\n\r\n", b"\r\n", b"", b" ", b"x \r y\r\r\n"])
def test_a_body_of_odd_blanks_is_signed_as_it_leaves(body: bytes) -> None:
    assert verifies(signed(b"From: a@example.org\r\n\r\n" + body))


def test_the_same_octets_are_signed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[bytes] = []

    class Counting(dkim.DKIM):  # type: ignore[misc] # no types
        def __init__(self, message: bytes) -> None:
            begun.append(message)
            super().__init__(message)

    monkeypatch.setattr(dkim, "DKIM", Counting)
    signer = Signer([OWN])
    first, second = (signer.signed(outgoing(sender=f"cooks+{who}=x@example.org")) for who in "ab")
    assert first == second
    assert len(begun) == 1
    for number in range(REMEMBERED):
        signer.signed(outgoing(b"X: %d\r\n" % number + PLAIN))
    signer.signed(outgoing())
    assert len(begun) == REMEMBERED + 2


@given(st.binary(max_size=300))
def test_whatever_is_sent_leaves_whole(octets: bytes) -> None:
    for raw in (octets, b"From: a@example.org\r\n" + octets):
        made = SIGNER.signed(outgoing(raw, "send_on"))
        assert made.content.endswith(raw[Message(raw).head.start :])


# -- seals -----------------------------------------------------------------------------------------------------


def chain(raw: bytes) -> object:
    return dkim.ARC(raw).verify(dnsfunc=key)[0]


def test_mail_that_is_sent_on_carries_our_borders_results() -> None:
    raw = PASSED + FOREIGN
    sealed = sent_on(raw)
    assert sealed.endswith(raw)
    assert chain(sealed) == b"pass"
    assert verifies(sealed)
    carried = Message(sealed).headers.get("ARC-Authentication-Results")
    assert (
        carried == "i=1; mx.example.net; dkim=pass header.d=example.com; dmarc=pass header.from=example.com"
    )


def test_a_forged_result_below_is_not_carried_on() -> None:
    forged = b"Received: from b by c\r\nAuthentication-Results: mx.example.net; spf=pass smtp.mailfrom=evil.example\r\n"
    sealed = sent_on(PASSED + b"Received: from a by b\r\n" + forged + FOREIGN)
    assert chain(sealed) == b"pass"
    assert "spf" not in Message(sealed).headers.get("ARC-Authentication-Results")


def test_mail_about_which_our_border_says_nothing_is_not_sealed() -> None:
    assert b"ARC-" not in sent_on(FOREIGN)
    assert b"ARC-" not in sent_on(PASSED.replace(b"mx.", b"other.") + FOREIGN)


def test_an_answer_is_not_sealed() -> None:
    assert b"ARC-" not in signed(PASSED + PLAIN)


def test_a_chain_is_carried_on_where_our_border_has_checked_it() -> None:
    first = sent_on(PASSED + FOREIGN)
    checked = PASSED.replace(b"; dmarc", b"; arc=pass; dmarc")
    second = sent_on(checked + first.replace(PASSED, b""))
    assert Message(second).headers.count("ARC-Seal") == 2
    assert chain(second) == b"pass"
    assert Message(sent_on(PASSED + first.replace(PASSED, b""))).headers.count("ARC-Seal") == 1


def test_a_seal_that_cannot_be_made_leaves_the_signature() -> None:
    # There is no chain that the border could have checked.
    raw = PASSED.replace(b"; dmarc", b"; arc=pass; dmarc") + FOREIGN
    made = SIGNER.signed(outgoing(raw, "send_on", "cooks-bounces@lists.example.net"))
    assert "chain" in str(made.trouble)
    assert verifies(made.content)
    assert b"ARC-" not in made.content


# -- keys ------------------------------------------------------------------------------------------------------


def test_a_key_is_read_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(PRIVATE_KEY)
    read = Key.read("Example.org", "own", path)
    assert read == OWN
    assert "PRIVATE" not in repr(read)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----"]
)
def test_what_is_no_key_is_told_at_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"The key of example\.org is no RSA key in PEM"):
        Key.read("example.org", "own", path)
    with pytest.raises(ConfigError, match="cannot be read"):
        Key.read("example.org", "own", tmp_path / "nobody")


def test_a_short_key_is_told_at_start(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(SHORT_KEY)
    with pytest.raises(
        ConfigError, match=r"The key of example\.org has 512 bits, and below 1024 counts for nothing"
    ):
        Key.read("example.org", "own", path)


def test_all_mistakes_in_keys_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "nonsense").write_bytes(b"nonsense")
    wanted = [("example.org", "own", tmp_path / "nobody"), ("example.net", "own", tmp_path / "nonsense")]
    with pytest.raises(ConfigError) as raised:
        read_keys(wanted)
    assert len(raised.value.problems) == 2
