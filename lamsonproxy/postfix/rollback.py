"""`lamson postfix rollback`: our keys and entries go, and nothing else; mail bound for the door goes another way.

Law: byte for byte what it was, as `postconf -n` and `postconf -M` show it; where somebody has changed what we wrote,
nothing is touched.
"""

from lamsonproxy.postfix import ledger
from lamsonproxy.postfix.apply import check_unchanged, take_back
from lamsonproxy.postfix.ledger import Ledger
from lamsonproxy.postfix.postconf import Postfix


def roll_back(postfix: Postfix, record: Ledger) -> None:
    """Take everything back. Raises ChangedSince, PostfixError, OSError."""
    check_unchanged(postfix, record)
    take_back(postfix, record.changes)
    ledger.forget(postfix)
    if postfix.is_running():
        postfix.reload()


def waiting(postfix: Postfix, record: Ledger) -> int:
    """The mails that may still be bound for the door: the queue remembers its filter (FILTER_README)."""
    if record.choices.door not in ("filter", "lmtp"):
        return 0  # Before the queue none is kept, and transport_maps are looked up anew.
    return sum(mail["queue_name"] != "hold" for mail in postfix.queue())
