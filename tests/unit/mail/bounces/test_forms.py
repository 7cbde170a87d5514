"""Reports in the forms that programs give them, most of them without delivery status fields.

Each file of forms/ has the recipients with their reasons, an empty line, and the mail.
"""

from pathlib import Path

import pytest

from lamsonproxy.mail.bounce import parse_bounce

FORMS = sorted((Path(__file__).parent / "forms").glob("*.txt"))
DELAYS = {"exim-defer", "gmail-delay", "sendmail-defer"}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_report_for_people_tells_each_recipient_with_its_reason(form: Path) -> None:
    expected, _, raw = form.read_text().partition("\n\n")
    bounce = parse_bounce(raw.encode())
    assert bounce is not None
    assert [f"{told.address} | {told.reason}" for told in bounce.recipients] == expected.split("\n")
    assert bounce.kind == ("delay" if form.stem in DELAYS else "failure")


def test_addresses_in_a_row_share_what_is_said_below_them_and_others_do_not() -> None:
    head = "Return-Path: <>\nSubject: Undelivered\n\nCould not be delivered to:\n\n"
    shared = parse_bounce(f"{head}a@x.example\nb@x.example\n\n552 5.2.2 Mailbox full\n".encode())
    own = parse_bounce(f"{head}a@x.example\nb@x.example: 552 5.2.2 Mailbox full\n".encode())
    assert shared is not None and own is not None
    assert [told.reason for told in shared.recipients] == ["mailboxfull", "mailboxfull"]
    assert [told.reason for told in own.recipients] == ["undefined", "mailboxfull"]
