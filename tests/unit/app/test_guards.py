"""Whether the correspondent is who the envelope says."""

import pytest

from lamsonproxy import Address, Mail
from lamsonproxy.app.guards import passes
from lamsonproxy.app.marks import Evidence, Guard
from lamsonproxy.app.scene import Scene
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction

BORDER = "mx.example.org"
ALICE = "From: Alice <alice@example.com>"


def mail(
    results: str = "", *, sender: str = "alice@example.com", head: str = ALICE, scene: Scene | None = None
) -> Mail:
    recipient = Recipient(Address("cooks@lists.example.org"))
    raw = f"Authentication-Results: {BORDER}; {results}\r\nReceived: by {BORDER}\r\n{head}\r\n\r\n".encode()
    envelope = Envelope(Address(sender), (recipient,))
    transaction = Transaction("TRACE", Session("lmtp", "127.0.0.1"), envelope, Message(raw))
    return Mail(transaction, recipient, deadline=540.0, scene=scene or Scene())


def is_passed(evidence: Evidence, given: Mail, name: str = BORDER) -> bool:
    return passes(Guard(evidence), given, name)


DMARC = "dmarc=pass (p=reject) header.from=example.com"
DKIM = "dkim=pass header.d=example.com"
SPF = "spf=pass smtp.mailfrom=alice@example.com"


@pytest.mark.parametrize(
    ("evidence", "results", "sender", "head"),
    [
        ("dmarc", DMARC, "alice@example.com", ALICE),
        ("dmarc", DMARC, "Alice@EXAMPLE.com", ALICE),
        ("dmarc", DMARC, "prvs=0123abcdef=alice@example.com", ALICE),
        ("dmarc", DMARC, "SRS0=HHHH=TT=example.com=alice@forwarder.example", ALICE),
        ("dmarc", DMARC, "", ALICE),
        (
            "dmarc",
            "dmarc=pass header.from=xn--bcher-kva.example",
            "a@bücher.example",
            "From: a@bücher.example",
        ),
        ("dkim", DKIM, "alice@example.com", ALICE),
        ("dkim", "dkim=pass header.i=@example.com", "alice@example.com", ALICE),
        ("dkim", "dkim=pass header.i=alice@example.com", "alice@example.com", ALICE),
        ("dkim", f"dkim=pass header.d=esp.example; {DKIM}", "alice@example.com", ALICE),
        ("dkim", f"dkim=fail header.d=example.com; {DKIM}", "alice@example.com", ALICE),
        ("dkim", DKIM, "alice@mail.example.com", "From: alice@mail.example.com"),
        ("spf", SPF, "alice@example.com", ALICE),
        ("spf", SPF, "alice@example.com", "From: bob@example.net"),
        ("spf", "spf=pass smtp.mailfrom=example.com", "alice@example.com", ALICE),
        (
            "spf",
            "spf=pass smtp.mailfrom=prvs=0123abcdef=alice@example.com",
            "prvs=0123abcdef=alice@example.com",
            ALICE,
        ),
    ],
)
def test_evidence_for_the_correspondent_passes(
    evidence: Evidence, results: str, sender: str, head: str
) -> None:
    assert is_passed(evidence, mail(results, sender=sender, head=head))


@pytest.mark.parametrize("evidence", ["dmarc", "dkim", "spf"])
@pytest.mark.parametrize(
    "results",
    ["none", "dmarc=fail header.from=example.com; dkim=none; spf=softfail smtp.mailfrom=alice@example.com"],
)
def test_without_evidence_nothing_passes(evidence: Evidence, results: str) -> None:
    assert not is_passed(evidence, mail(results))


@pytest.mark.parametrize("evidence", ["dmarc", "dkim", "spf"])
def test_evidence_of_one_kind_is_none_of_another(evidence: Evidence) -> None:
    kinds = {"dmarc": DMARC, "dkim": DKIM, "spf": SPF}
    others = "; ".join(result for kind, result in kinds.items() if kind != evidence)
    assert not is_passed(evidence, mail(others))


@pytest.mark.parametrize("evidence", ["dmarc", "dkim", "spf"])
@pytest.mark.parametrize("name", ["", "mx.example.net"])
def test_what_another_border_found_is_no_evidence(evidence: Evidence, name: str) -> None:
    assert not is_passed(evidence, mail(f"{DMARC}; {DKIM}; {SPF}"), name)


@pytest.mark.fault("C7")
@pytest.mark.parametrize(
    ("evidence", "results", "sender", "head"),
    [
        # Who may sign as somebody puts another one into the envelope: it is the envelope that counts.
        ("dmarc", "dmarc=pass header.from=evil.example", "alice@example.com", "From: bob@evil.example"),
        ("dkim", "dkim=pass header.d=evil.example", "alice@example.com", "From: bob@evil.example"),
        ("dmarc", DMARC, "alice@example.com", "From: bob@example.com"),
        ("dkim", DKIM, "alice@example.com", "From: bob@example.com"),
        # The checker looked at another From than we do.
        ("dmarc", "dmarc=pass header.from=evil.example", "alice@example.com", f"{ALICE}, bob@evil.example"),
        ("dmarc", "dmarc=pass", "alice@example.com", f"{ALICE}, bob@evil.example"),
        ("dmarc", DMARC, "alice@example.com", f"{ALICE}\r\nFrom: bob@example.com"),
        ("dmarc", DMARC, "alice@example.com", "Subject: no From"),
        # A signature of somebody else's, or of a host below the correspondent's domain.
        ("dkim", "dkim=pass header.d=evil.example", "alice@example.com", ALICE),
        ("dkim", "dkim=pass header.d=evil.example.com", "alice@example.com", ALICE),
        ("dkim", "dkim=pass header.d=le.com", "alice@example.com", ALICE),
        ("dkim", "dkim=pass", "alice@example.com", ALICE),
        ("dkim", 'dkim=pass header.d=""', "alice@example.com", ALICE),
        # A wrapping that the forger wrote himself, and for which his own domain vouches.
        *(
            (evidence, results, "SRS0=HHHH=TT=example.com=alice@evil.example", head)
            for evidence, results in (
                ("spf", "spf=pass smtp.mailfrom=SRS0=HHHH=TT=example.com=alice@evil.example"),
                ("spf", "spf=pass smtp.mailfrom=evil.example"),
                ("dmarc", "dmarc=pass header.from=evil.example"),
                ("dkim", "dkim=pass header.d=evil.example"),
            )
            for head in (ALICE, "From: SRS0=HHHH=TT=example.com=alice@evil.example")
        ),
        ("spf", "spf=pass smtp.mailfrom=bob@example.com", "alice@example.com", ALICE),
        ("spf", "spf=pass smtp.helo=example.com", "alice@example.com", ALICE),
        ("spf", "spf=pass smtp.mailfrom=example.com", "", ALICE.replace("example.com", "example.net")),
    ],
)
def test_evidence_for_somebody_else_does_not_pass(
    evidence: Evidence, results: str, sender: str, head: str
) -> None:
    assert not is_passed(evidence, mail(results, sender=sender, head=head))


def test_a_confirmed_conversation_is_evidence_and_nothing_else_is_asked() -> None:
    assert is_passed("confirmed", mail(scene=Scene(is_confirmed=True)), "")
    assert not is_passed("confirmed", mail(f"{DMARC}; {DKIM}; {SPF}"))


def test_results_further_down_count_where_more_of_our_own_hosts_stand_above_them() -> None:
    given = mail("none", head=f"Authentication-Results: {BORDER}; {SPF}\r\nReceived: by x\r\n{ALICE}")
    assert passes(Guard("spf"), given, BORDER)
    assert not passes(Guard("spf"), given, BORDER, hops=0)
