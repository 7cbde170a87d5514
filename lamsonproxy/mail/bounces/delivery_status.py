"""Delivery status fields: text in, findings out.

Law: linear, never raises. Fields are taken as they stand, in any order, with or without the empty lines that
should part them; what a host left out is left out.

RFC 3464 §2 (the fields), RFC 6533 §3 (addresses in UTF-8), RFC 3461 §4.2 (where Original-Recipient comes from).
"""

import re
from collections.abc import Iterator

from lamsonproxy.mail.bounces.finding import ACTIONS, Finding, status_in

RECIPIENTS_LIMIT = 1000
"""Recipients of one report: what Postfix allows one mail (smtpd_recipient_limit)."""

_VALUE_LIMIT = 1024
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)")
_ADDRESSES = ("final-recipient", "original-recipient", "x-actual-recipient")
_TYPE = re.compile(r"\A\s*[A-Za-z][A-Za-z0-9-]*\s*;\s*")
_TYPE_BUT_UNIX = re.compile(r"\A(?!x-unix)\s*[A-Za-z][A-Za-z0-9-]*\s*;\s*", re.IGNORECASE)
_ADDRESS = re.compile(
    r'(?:"[^"\x00-\x1f\x7f]{0,200}"|[^\s\x00-\x1f\x7f<>"()\[\],;:|]{1,200})@[^\s\x00-\x1f\x7f<>"()\[\],;:|]{1,255}'
)
_BY_CLASS = {"2": "delivered", "4": "delayed", "5": "failed"}


def read(text: str) -> list[Finding]:
    """The recipients that delivery status fields name, each once, in their order."""
    found: dict[str, Finding] = {}
    for fields in _blocks(text):
        finding = _finding(fields)
        found.setdefault(finding.address.lower(), finding)
        if len(found) == RECIPIENTS_LIMIT:
            break
    return list(found.values())


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """The fields of each recipient. Not by empty lines alone: some hosts write none, some write too many."""
    fields: dict[str, str] = {}
    for name, value in _fields(text):
        begins_another = name == "" or (name in fields and name in _ADDRESSES)
        if begins_another and _names_recipient(fields):
            yield fields
            fields = {}
        if name:
            fields.setdefault(name, value)
    if _names_recipient(fields):
        yield fields


def _names_recipient(fields: dict[str, str]) -> bool:
    return any(name in fields for name in _ADDRESSES)


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Names in small letters with unfolded values; an empty line is ("", "")."""
    name, values = "", list[str]()
    for line in text.split("\n"):
        if line[:1] in " \t" and line.strip():
            values.append(line.strip())
            continue
        if name:
            yield name, " ".join(values)[:_VALUE_LIMIT]
        match = _FIELD.match(line)
        name, values = (match[1].lower(), [match[2].strip()]) if match else ("", [])
        if not line.strip():
            yield "", ""
    if name:
        yield name, " ".join(values)[:_VALUE_LIMIT]


def _finding(fields: dict[str, str]) -> Finding:
    status = status_in(fields.get("status", ""))
    given = fields.get("action", "").split("(")[0].strip().lower()
    action = given if given in ACTIONS else _BY_CLASS.get(status[:1], "failed")
    # "X-Unix; 69" is the exit status of a program, which only the type tells.
    said = _TYPE_BUT_UNIX.sub("", fields.get("diagnostic-code", ""))
    # Some hosts put the sentence behind the number of Status (RFC 3464 §2.3.4 allows a comment).
    around = fields.get("status", "")
    said = " ".join(filter(None, (said, fields.get("x-powermta-bouncecategory", ""))))
    return Finding(_address(fields), action, status, said, around)


def _address(fields: dict[str, str]) -> str:
    """The final address, or the original one where the final one is a program or a file."""
    values = [_TYPE.sub("", fields[name]).strip() for name in _ADDRESSES if name in fields]
    whole = (match[0] for value in values if (match := _ADDRESS.fullmatch(value.strip("<> "))))
    inside = (match[0] for value in values if (match := _ADDRESS.search(value)))
    return next(whole, "") or next(inside, "") or values[0].strip("<>")
