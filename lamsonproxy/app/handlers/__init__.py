"""Ready handlers: the everyday jobs, by name in lamson.toml or over a route in Python (docs/handlers.md).

    stamp = route(r".+@example\\.org")(footer(text_file="disclaimer.txt"))

Law: a function here takes options and gives a handler; what is wrong with the options it says at once, in a sentence.
A handler here either has no state, or keeps what it must remember in the table of `remembering`.
"""

from lamsonproxy.app.handlers.answering import vacation
from lamsonproxy.app.handlers.editing import add_header, footer, strip_attachments, tag_subject
from lamsonproxy.app.handlers.greylisting import greylist
from lamsonproxy.app.handlers.judging import quarantine_if
from lamsonproxy.app.handlers.keeping import archive, queue
from lamsonproxy.app.handlers.passing import forward, log, redirect

__all__ = [
    "add_header",
    "archive",
    "footer",
    "forward",
    "greylist",
    "log",
    "quarantine_if",
    "queue",
    "redirect",
    "strip_attachments",
    "tag_subject",
    "vacation",
]
