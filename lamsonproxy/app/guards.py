"""Guards: whether the correspondent is who the envelope says, as far as somebody has vouched for it.

Law: what is proved is that the mail is from the *correspondent*, for that is who a conversation belongs to. A DMARC
pass proves the domain of From alone, and anybody can put somebody else's address into the envelope of a mail that he
may sign; so From must be the correspondent's own address, in one field, and what vouches must vouch for its domain. A
wrapping (SRS) is taken off to know who is meant, never to prove it: anybody can write one.

RFC 8601 §2.7 (what methods report), RFC 7489 §3.1 (alignment). No public suffix list is asked: a signature is aligned
with its own domain and those below it.
"""

from collections.abc import Callable, Mapping

from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import Evidence, Guard
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.authentication import Result, results_of
from lamsonproxy.mail.correspondent import correspondent_of, folded, known_as

_Vouches = Callable[[Result, Mail, Address], bool]


def passes(guard: Guard, mail: Mail, authserv_id: str, *, hops: int = 1) -> bool:
    """Whether the mail has the evidence that a route requires. `authserv_id` is the name by which our own border
    signs its results; "" is nobody's, and then only `confirmed` passes. `hops`: see `results_of`."""
    if guard.evidence == "confirmed":
        return mail.is_confirmed
    vouches = _METHODS[guard.evidence]
    correspondent = Address(correspondent_of(mail.sender, mail.message))
    return any(
        result.method == guard.evidence and result.value == "pass" and vouches(result, mail, correspondent)
        for result in results_of(mail.message, authserv_id, hops=hops)
    )


def _dmarc(result: Result, mail: Mail, correspondent: Address) -> bool:
    # A result that does not name the domain may be about an address of From that we do not read.
    checked = _domain(result.properties.get("header.from", ""))
    return _is_author(mail, correspondent) and checked == correspondent.ascii_domain


def _dkim(result: Result, mail: Mail, correspondent: Address) -> bool:
    # Some checkers report the identity only; its domain is the signature's or below it (RFC 6376 §3.5).
    signer = _domain(result.properties.get("header.d") or result.properties.get("header.i", ""))
    own = correspondent.ascii_domain
    is_aligned = signer != "" and (own == signer or own.endswith(f".{signer}"))
    return _is_author(mail, correspondent) and is_aligned


def _spf(result: Result, mail: Mail, correspondent: Address) -> bool:
    checked = result.properties.get("smtp.mailfrom", "")
    # The domain of the forwarder has passed, not the one in its wrapping.
    is_own_domain = checked != "" and _domain(checked) == correspondent.ascii_domain
    return is_own_domain and ("@" not in checked or known_as(Address(checked)) == correspondent.raw)


_METHODS: Mapping[Evidence, _Vouches] = {"dmarc": _dmarc, "dkim": _dkim, "spf": _spf}


def _is_author(mail: Mail, correspondent: Address) -> bool:
    message = mail.message
    return message.headers.count("From") == 1 and folded(Address(message.sender)) == correspondent.raw


def _domain(name: str) -> str:
    """The domain in what a checker wrote: some write the address, or the address without its local part."""
    return Address(name if "@" in name else f"postmaster@{name}").ascii_domain
