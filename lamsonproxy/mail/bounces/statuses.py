"""Enhanced status codes and the reasons they stand for.

Law: a table. A code that means several things in practice (5.0.0, 5.7.1) is not in it: the words decide then.

RFC 3463 and the IANA registry of SMTP enhanced status codes; 5.7.5xx to 5.7.7xx are Exchange Online's.
"""

import re

# By subject and detail: the class says only whether it is for ever.
_REASONS = {
    "1.0": "userunknown",
    "1.1": "userunknown",
    "1.2": "hostunknown",
    "1.3": "userunknown",
    "1.4": "userunknown",
    "1.6": "hasmoved",
    "1.7": "rejected",
    "1.8": "rejected",
    "1.9": "systemerror",
    "1.10": "notaccept",
    "1.20": "notcompliantrfc",
    "1.90": "toomanyconn",
    "2.0": "filtered",
    "2.1": "suspend",
    "2.2": "mailboxfull",
    "2.3": "exceedlimit",
    "2.4": "filtered",
    "2.121": "toomanyconn",
    "2.122": "toomanyconn",
    "3.0": "systemerror",
    "3.1": "systemerror",
    "3.2": "notaccept",
    "3.3": "systemerror",
    "3.4": "mesgtoobig",
    "3.5": "systemerror",
    "3.6": "systemerror",
    "4.0": "networkerror",
    "4.1": "expired",
    "4.2": "expired",
    "4.3": "systemerror",
    "4.4": "hostunknown",
    "4.5": "networkerror",
    "4.6": "networkerror",
    "4.7": "expired",
    "4.8": "networkerror",
    "4.14": "networkerror",
    "4.310": "hostunknown",
    "4.312": "hostunknown",
    "5.1": "syntaxerror",
    "5.2": "syntaxerror",
    "5.3": "toomanyconn",
    "5.4": "syntaxerror",
    "5.5": "syntaxerror",
    "5.6": "syntaxerror",
    "6.0": "contenterror",
    "6.1": "contenterror",
    "6.2": "contenterror",
    "6.3": "contenterror",
    "6.4": "contenterror",
    "6.5": "contenterror",
    "6.6": "contenterror",
    "6.7": "contenterror",
    "6.8": "contenterror",
    "6.9": "contenterror",
    "7.0": "securityerror",
    "7.2": "rejected",
    "7.3": "securityerror",
    "7.4": "securityerror",
    "7.5": "securityerror",
    "7.6": "securityerror",
    "7.7": "securityerror",
    "7.8": "securityerror",
    "7.9": "securityerror",
    "7.10": "securityerror",
    "7.11": "securityerror",
    "7.12": "securityerror",
    "7.13": "suspend",
    "7.14": "securityerror",
    "7.15": "rejected",
    "7.16": "rejected",
    "7.17": "hasmoved",
    "7.18": "hasmoved",
    "7.19": "systemerror",
    "7.20": "authfailure",
    "7.21": "authfailure",
    "7.22": "authfailure",
    "7.23": "authfailure",
    "7.24": "authfailure",
    "7.25": "requireptr",
    "7.26": "authfailure",
    "7.27": "rejected",
    "7.28": "toomanyconn",
    "7.29": "authfailure",
    "7.30": "securityerror",
    "7.57": "securityerror",
    "7.64": "norelaying",
    "7.124": "rejected",
    "7.129": "rejected",
    "7.133": "securityerror",
    "7.134": "securityerror",
    "7.135": "securityerror",
    "7.136": "securityerror",
    "7.232": "toomanyconn",
    "7.233": "toomanyconn",
    "7.320": "securityerror",
    "7.321": "securityerror",
    "7.322": "securityerror",
    "7.323": "securityerror",
    "7.324": "securityerror",
    "7.325": "securityerror",
    "7.509": "authfailure",
    "7.511": "blocked",
    "7.512": "notcompliantrfc",
    "7.513": "blocked",
    "7.515": "authfailure",
    "7.750": "rejected",
}
# Exchange Online's sub-codes about connecting, the two about DNS being in the table.
_NOT_CONNECTED = re.compile(r"4\.3\d\d")
# Its "access denied, banned sending IP" (5.7.606 to 5.7.649) and the like.
_BANNED = re.compile(r"7\.(?:6[0-4]\d|7\d\d|50[1-8])")


def reason_of_status(status: str) -> str:
    """The reason that a status stands for; "" when it is not clear from the status alone."""
    subject = status.partition(".")[2]
    if reason := _REASONS.get(subject):
        return reason
    if _NOT_CONNECTED.fullmatch(subject):
        return "expired"
    return "blocked" if _BANNED.fullmatch(subject) else ""
