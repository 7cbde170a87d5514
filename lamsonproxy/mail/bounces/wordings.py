"""Families of wordings: how hosts say why, in the words of many programs and providers.

Law: an order, the more special before the more general, and the first that fits decides. A family is what several
programs say, never the sentence of one mail. Texts come without addresses, in small letters, with single blanks;
gaps are bounded, so that each search is linear.

RFC 5321 §4.2.3 has the sentences that hosts vary; providers' own sentences are on their postmaster pages.
"""

import re

from lamsonproxy.mail.bounces.words import addresses, clients, messages, plain, senders, tongues, ways

_TABLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    # PowerMTA's bounce categories.
    ("userunknown", (r"\bbad-mailbox\b",)),
    ("hostunknown", (r"\bbad-domain\b",)),
    ("suspend", (r"\binactive-mailbox\b",)),
    # Orange and La Poste number their refusals, and say no more than "refused" in words.
    ("spamdetected", (r"\b(?:ofr|lpn)\d* 506\b",)),
    ("policyviolation", (r"\b(?:ofr|lpn)\d* 630\b",)),
    ("toomanyconn", (r"\b(?:ofr|lpn)\d* 104\b",)),
    ("delivered", (r"\bsuccessfully delivered\b|\bdelivery (?:was )?successful",)),
    ("filtered", (r"\brejected by recipients\b",)),
    ("toomanyconn", clients.TOO_MUCH_FOR_NOW),
    ("mailboxfull", (*addresses.MAILBOX_FULL, *tongues.FULL)),
    ("mesgtoobig", (*messages.TOO_BIG, *tongues.TOO_BIG)),
    ("requireptr", clients.NO_REVERSE_NAME),
    ("securityerror", senders.NOT_LOGGED_IN),
    ("authfailure", senders.NOT_AUTHENTIC),
    ("badreputation", senders.BAD_REPUTATION),
    ("networkerror", ways.LOOP),
    ("rejected", senders.BLOCKED_SENDER),
    ("blocked", clients.SURELY_BLOCKED),
    ("rejected", senders.NO_SUCH_SENDER),
    ("virusdetected", messages.VIRUS),
    ("spamdetected", (*messages.SPAM, *tongues.SPAM)),
    ("norelaying", senders.NO_RELAYING),
    ("toomanyconn", clients.TOO_MUCH),
    ("notaccept", addresses.NOT_ACCEPTING),
    ("hasmoved", addresses.MOVED),
    ("suspend", (*addresses.SUSPENDED, *tongues.ASLEEP)),
    ("notcompliantrfc", messages.NOT_COMPLIANT),
    ("contenterror", messages.BAD_CONTENT),
    ("syntaxerror", senders.SYNTAX),
    ("rejected", (*senders.REJECTED_SENDER, *tongues.NOT_ALLOWED)),
    ("blocked", (*clients.BLOCKED, *tongues.BLOCKED)),
    ("policyviolation", messages.POLICY),
    ("spamdetected", messages.PERHAPS_SPAM),
    ("systemerror", ways.SURELY_SYSTEM),
    ("mailererror", ways.MAILER),
    ("securityerror", senders.SECURITY),
    ("networkerror", ways.NO_DNS_FOR_NOW),
    ("hostunknown", (*addresses.UNKNOWN_HOST, *tongues.NO_HOST)),
    ("networkerror", ways.NETWORK),
    ("expired", (*ways.EXPIRED, *tongues.TOO_LATE)),
    ("systemerror", (*ways.SYSTEM, *tongues.LATER)),
)


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.DOTALL)


WORDINGS = tuple((reason, _any_of(patterns)) for reason, patterns in _TABLE)
"""Each reason with the words that stand for it."""

PLAIN = tuple(
    (reason, _any_of(patterns))
    for reason, patterns in (
        ("norelaying", plain.RELAY),
        ("rejected", plain.SENDER),
        ("blocked", plain.CLIENT),
        ("securityerror", plain.LOGIN),
        ("spamdetected", plain.CONTENT),
        ("suspend", plain.ASLEEP),
        ("userunknown", plain.RECIPIENT),
        ("mesgtoobig", plain.SIZE),
        ("mailboxfull", plain.FULL),
        ("toomanyconn", plain.AMOUNT),
    )
)
"""What single words say where no sentence is known."""

USER_UNKNOWN = _any_of((*addresses.UNKNOWN_USER, *tongues.UNKNOWN_USER))
"""Words for an address that does not exist: who says them decides what they are worth (`reasons`)."""
