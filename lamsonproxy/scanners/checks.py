"""SPF, DKIM, DMARC and ARC: one function each, from a mail and DNS to a result.

Law: nothing but a Result comes out, whatever stands in the mail or in DNS. What could not be asked is `temperror`, what
makes no sense is `permerror`, and neither is a pass.

SPF by pyspf (RFC 7208), DKIM and ARC by dkimpy (RFC 6376, 8617). DMARC (RFC 7489) is our own, over authheaders' reading
of records and its list of public suffixes: its own judgement takes the domain `my-company.example` for `my`.
"""

import importlib.resources
import logging
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from authheaders.dmarc_lookup import DMARCException, answer_to_dict  # type: ignore[import-untyped] # no types
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]
from publicsuffix2 import PublicSuffixList  # type: ignore[import-untyped]

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.authentication import Result
from lamsonproxy.mail.headers import unfold
from lamsonproxy.mail.message import Message
from lamsonproxy.scanners.dkim_library import dkim
from lamsonproxy.scanners.resolver import DnsTrouble, Kind, Questions

_quiet = logging.Logger("dkimpy")
_quiet.addHandler(logging.NullHandler())
"""The library logs an error for each signature that is false: strangers would write our log."""

with warnings.catch_warnings():
    # Its regular expressions hold escapes of which Python warns whenever it compiles them anew.
    warnings.simplefilter("ignore")
    import spf  # type: ignore[import-untyped]

SIGNATURES_LIMIT = 8
"""DKIM signatures looked at. Each costs a question and a hash of the whole mail (RFC 6376 §6.1)."""

_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+")


def check_spf(client: str, helo: str, sender: Address, questions: Questions) -> Result:
    """Whether the client may send for the sender's domain; for `<>`, for the name that it said in HELO."""
    domain = sender.ascii_domain if sender else helo
    key = "smtp.mailfrom" if sender else "smtp.helo"
    identity = f"{sender.raw.rpartition('@')[0]}@{domain}" if sender else ""
    if not _ADDRESS.fullmatch(client) or not domain:
        return Result("spf", "none", {})
    try:
        query = _SpfQuery(questions, i=client, s=identity, h=helo or "unknown")
        value = str(query.check()[0])
    except DnsTrouble:
        value = "temperror"
    except Exception:
        # The library takes addresses and records apart by hand, and was not written for every octet.
        value = "permerror"
    return Result("spf", value, {key: domain})


class _SpfQuery(spf.query):  # type: ignore[misc]
    """With our questions in the place of its own."""

    def __init__(self, questions: Questions, **mail: str) -> None:
        self._questions = questions
        super().__init__(**mail)

    def dns(self, name: Any, qtype: Kind, cnames: Any = None, ignore_void: bool = False) -> Sequence[Any]:
        answers = self._questions.ask(str(name), qtype)
        if not answers and not ignore_void:
            self.void_lookups += 1
            # RFC 7208 §4.6.4
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError("too many questions without an answer")
        return answers


def check_dkim(message: Message, questions: Questions) -> list[Result]:
    """A result for each signature, the topmost first; `none` where there is none."""
    fields = [field for field in message.headers if field.name.lower() == "dkim-signature"]
    found = [
        _verified(message.raw, n, unfold(field.raw_value), questions)
        for n, field in enumerate(fields[:SIGNATURES_LIMIT])
    ]
    return found or [Result("dkim", "none", {})]


def _verified(raw: bytes, n: int, signature: bytes, questions: Questions) -> Result:
    try:
        is_true = dkim.DKIM(raw, logger=_quiet).verify(idx=n, dnsfunc=_keys(questions))
        value = "pass" if is_true else "fail"
    except dkim.ValidationError:
        value = "fail"
    except DnsTrouble:
        value = "temperror"
    except Exception:
        # dkimpy's own for what it foresaw; and a signature is a stranger's.
        value = "permerror"
    return Result("dkim", value, _signer(signature))


def _signer(signature: bytes) -> Mapping[str, str]:
    try:
        tags = parse_tag_value(signature)
    except (InvalidTagValueList, ValueError):
        return {}
    named = {"header.d": tags.get(b"d", b""), "header.s": tags.get(b"s", b"")}
    return {name: value.decode("ascii", "replace").lower() for name, value in named.items() if value}


def _keys(questions: Questions) -> Callable[..., bytes | None]:
    def key(name: bytes, timeout: float = 0) -> bytes | None:
        return next(iter(questions.texts(name.decode("utf-8", "replace"))), None)

    return key


def check_arc(message: Message, questions: Questions) -> Result:
    """Whether the chain of seals is whole; `none` where there is no chain."""
    if "ARC-Seal" not in message.headers:
        return Result("arc", "none", {})
    try:
        verdict, _, _ = dkim.ARC(message.raw, logger=_quiet).verify(dnsfunc=_keys(questions))
    except DnsTrouble:
        return Result("arc", "temperror", {})
    except Exception:
        # As of a signature: see above.
        return Result("arc", "fail", {})
    # None is a chain that says of itself that it is broken.
    return Result("arc", "fail" if verdict is None else verdict.decode("ascii"), {})


def check_dmarc(message: Message, others: Iterable[Result], questions: Questions) -> Result:
    """Whether one of the others vouches for the domain of From, as that domain asks."""
    domain = Address(message.sender).ascii_domain
    if message.headers.count("From") != 1 or len(message.mailboxes("From")) != 1 or "." not in domain:
        return Result("dmarc", "permerror", {})
    try:
        policy = _policy(domain, questions)
    except DnsTrouble:
        return Result("dmarc", "temperror", {"header.from": domain})
    except DMARCException:
        return Result("dmarc", "permerror", {"header.from": domain})
    if not policy:
        return Result("dmarc", "none", {"header.from": domain})
    passed = any(_is_aligned(result, domain, policy) for result in others if result.value == "pass")
    asked = policy["p"]
    return Result("dmarc", "pass" if passed else "fail", {"header.from": domain, "policy.dmarc": asked})


def _policy(domain: str, questions: Questions) -> Mapping[str, str]:
    """The domain's record, or that of its organisation with what that asks for those below it; empty without one."""
    own = _record(domain, questions)
    if own:
        return own
    above = organisation(domain)
    record = _record(above, questions) if above != domain else {}
    return {**record, "p": record.get("sp", record["p"])} if record else {}


def _record(domain: str, questions: Questions) -> Mapping[str, str]:
    # Several are as good as none (RFC 7489 §6.6.3).
    found = [text for text in questions.texts(f"_dmarc.{domain}") if text.startswith(b"v=DMARC1")]
    record: Mapping[str, str] = answer_to_dict(found[0].decode("utf-8", "replace")) if len(found) == 1 else {}
    return record if record.get("p") in ("none", "quarantine", "reject") else {}


def _is_aligned(result: Result, domain: str, policy: Mapping[str, str]) -> bool:
    match result.method:
        case "spf":
            vouched = result.properties.get("smtp.mailfrom") or result.properties.get("smtp.helo", "")
            is_strict = policy.get("aspf") == "s"
        case "dkim":
            vouched, is_strict = result.properties.get("header.d", ""), policy.get("adkim") == "s"
        case _:
            return False
    vouched = Address(f"postmaster@{vouched}").ascii_domain
    if is_strict or not vouched:
        return vouched == domain
    return organisation(vouched) == organisation(domain)


def organisation(domain: str) -> str:
    """The organisational domain: one label below the public suffix (RFC 7489 §3.2)."""
    # Not the library's own answer to this: under a suffix that is not in the list it takes all for one organisation.
    suffix = _suffixes().get_tld(domain) or domain
    below = domain.removesuffix(suffix).rstrip(".").rpartition(".")[2]
    return f"{below}.{suffix}" if below else domain


@cache
def _suffixes() -> PublicSuffixList:
    # authheaders' copy, which comes with its releases; publicsuffix2's own is of 2019.
    with (importlib.resources.files("authheaders") / "public_suffix_list.txt").open(encoding="utf-8") as file:
        return PublicSuffixList(file)
