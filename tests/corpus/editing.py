"""Every edit, once each, on a message: what it makes of the octets, or the sentence with which it was refused."""

from collections.abc import Callable, Iterator
from operator import methodcaller

from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message

PARTS = 12
"""Parts of a message that are removed and replaced, one after the other: the first ones, and the last."""

FOOTER = "-- \nSent by the test für €uro"

Act = Callable[[Edits], object]

WHOLE: dict[str, Act] = {
    "add": lambda edits: edits.headers.add("X-Checked-By", "lamsonproxy"),
    "insert": lambda edits: edits.headers.insert("X-Checked-By", "lamsonproxy"),
    "replace": lambda edits: edits.headers.replace("Subject", "another"),
    "remove": lambda edits: edits.headers.remove("Received"),
    "tag": lambda edits: edits.tag_subject("[tägged]"),
    "footer": lambda edits: edits.add_footer(FOOTER),
    "wrap": lambda edits: edits.add_footer(FOOTER, wrap=True),
    "forced footer": lambda edits: edits.add_footer(FOOTER, force=True),
    "strip": lambda edits: edits.strip_attachments("*", force=True),
    "strip with a note": lambda edits: edits.strip_attachments("*", "{name} was here", force=True),
    "body": lambda edits: edits.replace_body(b"another body"),
}


def edit_everything(raw: bytes) -> None:
    """Ask for every edit, look at what leaves, and take it back. Raises AssertionError if something is left."""
    message = Message(raw)
    for act in acts(message):
        edits = Edits(message)
        if tried(edits, act):
            edits.content.parts()
            edits.list_changes()
        edits.undo()
        assert edits.content.parts() == (raw,)


def acts(message: Message) -> Iterator[Act]:
    """Every edit of the whole, and of some parts."""
    yield from WHOLE.values()
    for part in (*message.parts[:PARTS], *message.parts[PARTS:][-1:]):
        yield methodcaller("remove_part", part, force=True)
        yield methodcaller("replace_part", part, "another text", force=True)


def tried(edits: Edits, act: Act) -> bool:
    """Whether the edit was made; else it was refused, with a sentence, and nothing was changed."""
    try:
        act(edits)
    except ValueError as refusal:
        assert str(refusal).count(" ") > 3
        assert not edits.changed
        return False
    return True
