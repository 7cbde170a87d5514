"""Which SMTP command was refused, as far as a report tells.

Law: a question of words, answered with the command's name, "CONN" before any, or "". An answer to RCPT is about
the recipient, one to MAIL about the sender, one to DATA about the message, whatever its words are.

RFC 5321 §4.3.2 (the replies to each command); the sentences are those of Postfix, Exim, qmail and dma(8).
"""

import re

_COMMANDS = tuple(
    (command, re.compile(words))
    for command, words in (
        ("EHLO", r"my name was rejected|(?:in reply to|after|did not like our|response to) (?:ehlo|helo)"),
        ("CONN", r"refused to talk to me|initial (?:server )?(?:greeting|connection)|after connection"),
        (
            "RCPT",
            r"(?:in reply to|after|our|following|response to|command) rcpt|does not like recipient|rejected recipient",
        ),
        (
            "MAIL",
            r"in reply to mail|(?:after|our|following|response to) (?:pipelined )?mail from|does not like sender",
        ),
        (
            "DATA",
            r"(?:in reply to|after|our|following|response to|failed on) (?:pipelined )?(?:end of )?(?:data|final)"
            r"|after (?:end of )?(?:message|content)|after i sent the message",
        ),
    )
)
_REPLIED = re.compile(r"\bin reply to (?:end of )?(ehlo|helo|mail|rcpt|data)\b")
"""Postfix's own words, which go before whatever the host wrote."""
_SENT = re.compile(r"(?:^|\n)[ \t]*(?:>>>|sent <<<|sent:)[ \t]*(ehlo|helo|mail|rcpt|data)\b", re.IGNORECASE)


def command_in(text: str) -> str:
    """The SMTP command that was refused, as far as a text tells; "" when it does not."""
    small = " ".join(text.lower().split())
    if replied := _REPLIED.search(small):
        return _name(replied[1])
    for command, words in _COMMANDS:
        if words.search(small):
            return command
    sent = _SENT.search(text)
    return _name(sent[1]) if sent else ""


def _name(command: str) -> str:
    return command.upper().replace("HELO", "EHLO")
